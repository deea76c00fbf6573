"""Taking large bodies: a few at once, since all the threads with one each would take more memory than a pod has."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

import bottle

from coordinator.api.errors import HttpError
from coordinator.api.requests import read_bytes

LARGE_BYTES = 1024 * 1024
AT_ONCE = 4
WAIT_S = 5.0
"""How long a large body waits for its turn: GitHub waits 10 s for its answer."""


class LargeBodies:
    """Bodies of which those over LARGE_BYTES, or of unknown length, are in memory AT_ONCE at most."""

    def __init__(self) -> None:
        self._free = BoundedSemaphore(AT_ONCE)

    @contextmanager
    def body(self, most: int) -> Iterator[bytes]:
        """The request's body for as long as it is worked on; raises what `read_bytes` raises, and HttpError 503."""
        if not _is_large():
            yield read_bytes(most)
            return
        if not self._free.acquire(timeout=WAIT_S):
            raise HttpError(
                503, "busy", f"{AT_ONCE} large bodies are read already: send it again", {"Retry-After": "5"}
            )
        try:
            yield read_bytes(most)
        finally:
            self._free.release()


def _is_large() -> bool:
    chunked = bottle.request.environ["wsgi.input_terminated"]
    return bool(chunked) or bottle.request.content_length > LARGE_BYTES
