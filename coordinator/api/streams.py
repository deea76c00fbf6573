"""Event streams: the wire format of server-sent events (WHATWG HTML, section 9.2)."""

import json
from collections.abc import Iterator
from typing import Any

import bottle

KEEP_ALIVE = b":\n\n"


def event(name: str, data: Any, id_: str | None = None) -> bytes:
    """One event with JSON data on a single line."""
    head = f"id: {id_}\n" if id_ is not None else ""
    return f"{head}event: {name}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()


def as_stream(events: Iterator[bytes]) -> Iterator[bytes]:
    """Mark the response at hand as an event stream, and pass the events on."""
    bottle.response.content_type = "text/event-stream"
    bottle.response.set_header("Cache-Control", "no-store")
    bottle.response.set_header("X-Accel-Buffering", "no")
    return events
