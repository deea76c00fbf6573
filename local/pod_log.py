"""Docker's multiplexed log stream as the plain bytes of stdout.

The format: frames of an eight-byte header (stream number, three zeros, the payload's length as big-endian 32 bits)
and the payload; see "Stream format" at https://docs.docker.com/reference/api/engine/ under container attach.
"""

import struct
from collections.abc import Iterable, Iterator

from shared.errors import InfrastructureError

STDOUT = 1
ENGINE_ERROR = 3
_HEADER = struct.Struct(">BxxxL")


def stdout_of(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield what stdout wrote, as soon as a chunk has brought it, however the chunks cut the frames.

    Raises InfrastructureError where the engine itself says that it cannot read the log, or stops inside a frame.
    """
    buffer = bytearray()
    for chunk in chunks:
        buffer += chunk
        payload = b"".join(_take_frames(buffer))
        if payload:
            yield payload
    if buffer:
        raise InfrastructureError("the Docker engine cut a container's log short inside a frame")


def _take_frames(buffer: bytearray) -> Iterator[bytes]:
    """Take all whole frames out of `buffer`."""
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
            yield payload
        start = end
    del buffer[:start]
