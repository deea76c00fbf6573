"""Docker's log stream as the plain bytes of stdout.

The format: frames of an eight-byte header (stream number, three zeros, the payload's length as big-endian 32 bits)
and the payload; see "Stream format" at https://docs.docker.com/reference/api/engine/ under container attach. We ask
for a time before each message, to be able to read on: an engine of version 20.10 may end the stream of a log that
it follows before the last messages when the container ends.
"""

import struct
from collections.abc import Iterable, Iterator
from datetime import datetime

from shared.errors import InfrastructureError

STDOUT = 1
ENGINE_ERROR = 3
_HEADER = struct.Struct(">BxxxL")


class StdoutReader:
    """Takes a container's stdout out of one stream, and then of a second one that begins where the first ended."""

    def __init__(self) -> None:
        self._time = b""
        self._seen = 0
        """How many messages of `_time` were given on: several may bear the same time."""

    def read(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield what stdout wrote as soon as a chunk has brought it, but nothing that was yielded before.

        `chunks` may cut frames anywhere. Raises InfrastructureError where the engine says that it cannot read the
        log, or stops inside a frame.
        """
        buffer = bytearray()
        again = _Again(self._time, self._seen)
        for chunk in chunks:
            buffer += chunk
            payload = b"".join(self._note(time, text) for time, text in _messages(buffer) if not again.is_old(time))
            if payload:
                yield payload
        if buffer:
            raise InfrastructureError("the Docker engine cut a container's log short inside a frame")

    @property
    def since(self) -> str:
        """The time of the last message as the API wants it: Unix seconds with nanoseconds; "" before the first."""
        if not self._time:
            return ""
        text = self._time.decode()  # 2026-01-31T12:00:00.123456789Z, or +01:00 in place of Z
        return f"{int(datetime.fromisoformat(text[:19] + text[29:]).timestamp())}.{text[20:29]}"

    def _note(self, time: bytes, text: bytes) -> bytes:
        self._seen = self._seen + 1 if time == self._time else 1
        self._time = time
        return text


class _Again:
    """Knows, in a stream that begins with messages of a known time, those that were seen before."""

    def __init__(self, time: bytes, seen: int) -> None:
        self._time = time
        self._left = seen

    def is_old(self, time: bytes) -> bool:
        if not self._left or time != self._time:
            return False
        self._left -= 1
        return True


def _messages(buffer: bytearray) -> Iterator[tuple[bytes, bytes]]:
    """Take all whole frames out of `buffer`; yields the time and the text of those from stdout."""
    start = 0
    while len(buffer) - start >= _HEADER.size:
        stream, length = _HEADER.unpack_from(buffer, start)
        end = start + _HEADER.size + length
        if end > len(buffer):
            break
        payload = bytes(buffer[start + _HEADER.size : end])
        if stream == ENGINE_ERROR:
            words = payload.decode(errors="replace").strip()
            raise InfrastructureError(f"the Docker engine cannot read the log: {words}")
        if stream == STDOUT:
            time, _, text = payload.partition(b" ")
            yield time, text
        start = end
    del buffer[:start]
