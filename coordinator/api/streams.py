"""Event streams: the wire format of server-sent events (WHATWG HTML, section 9.2)."""

import json
from collections.abc import Iterator
from threading import BoundedSemaphore
from typing import Any, Self

import bottle

from coordinator.api.errors import HttpError

KEEP_ALIVE = b":\n\n"


def event(name: str, data: Any, id_: str | None = None) -> bytes:
    """One event with JSON data on a single line."""
    head = f"id: {id_}\n" if id_ is not None else ""
    return f"{head}event: {name}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()


class Streams:
    """The event streams that are open, `most` at once: each holds a thread, and webhooks want some, too."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._free = BoundedSemaphore(most)

    @classmethod
    def beside(cls, threads: int) -> Self:
        """As many as leave a quarter of the HTTP server's threads to all other requests."""
        return cls(max(1, threads * 3 // 4))

    def open(self, events: Iterator[bytes]) -> Iterator[bytes]:
        """Mark the response at hand as an event stream, and pass the events on. Raises HttpError 503."""
        if not self._free.acquire(blocking=False):
            raise HttpError(
                503,
                "too_many_streams",
                f"{self._most} event streams are open, and no more are served at once: ask without following, or later",
                {"Retry-After": "5"},
            )
        bottle.response.content_type = "text/event-stream"
        bottle.response.set_header("Cache-Control", "no-store")
        bottle.response.set_header("X-Accel-Buffering", "no")
        return _held(events, self._free)


def _held(events: Iterator[bytes], places: BoundedSemaphore) -> Iterator[bytes]:
    """The events, and then the place given up: however they end."""
    try:
        yield from events
    finally:
        places.release()
