"""Server-sent events: bytes of a `text/event-stream` into events."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Event(NamedTuple):
    """One event: its kind and its data. A keep-alive comment is an event of kind "" without data."""

    kind: str
    data: str


KEEP_ALIVE = Event("", "")


def read_events(lines: Iterable[bytes]) -> Iterator[Event]:
    """Yield each complete event; one that the stream's end cut short is dropped, as the format wants."""
    kind, data = "message", list[str]()
    for raw in lines:
        line = raw.decode().rstrip("\r\n")
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                yield Event(kind, "\n".join(data))
            kind, data = "message", []
        elif not field:
            yield KEEP_ALIVE
        elif field == "event":
            kind = value
        elif field == "data":
            data.append(value)
