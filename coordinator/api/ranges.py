"""Answering with stored bytes: all of them, or the part that a `Range` header asks for (RFC 9110, section 14)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain

import bottle

from coordinator.api.errors import HttpError


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes that are stored: how many, and what reads at most so many (the second number) from an offset on."""

    size: int
    read: Callable[[int, int], Iterator[bytes]]


def send(content: Content, media: str) -> Iterator[bytes]:
    """Answer with all of it (200) or a part (206), with its length; raises HttpError 416 for a part that is not there.

    The first piece is read now, so that a store that is down is an error and not a broken answer.
    """
    start, end = _part(content.size)
    data = content.read(start, end - start)
    first = next(data, b"")
    response = bottle.response
    response.content_type = media
    response.set_header("Accept-Ranges", "bytes")
    response.set_header("Content-Length", str(end - start))
    if (start, end) != (0, content.size):
        response.status = 206
        response.set_header("Content-Range", f"bytes {start}-{end - 1}/{content.size}")
    return chain([first], data)


def _part(size: int) -> tuple[int, int]:
    """From which byte to before which one. Several parts at once are not served, and `If-Range` names a version,
    of which we tell none: then it is all, as the standard allows."""
    request = bottle.request
    header = request.get_header("Range", "")
    if request.method != "GET" or not header.startswith("bytes=") or request.get_header("If-Range"):
        return 0, size
    parts = list(bottle.parse_range_header(header, size))
    if not parts:
        message = f"Range: {header[:80]!r} is no part of these {size} bytes"
        raise HttpError(416, "bad_range", message, {"Content-Range": f"bytes */{size}"})
    return parts[0] if len(parts) == 1 else (0, size)
