"""What a route says of itself beyond its function: given to it as `operation=Operation(…)`, read by `openapi`.

The rest is the function's own: its first docstring line is the summary, its return annotation the answer's type, its
arguments the path's parameters.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

JSON = "application/json"
BYTES = "application/octet-stream"
EVENTS = "text/event-stream"
TEXT = "text/plain"
ANY = "*/*"
LARGEST = 10**18 - 1
"""The largest whole number that a query may hold: of 18 digits."""


class Kind(StrEnum):
    """JSON Schema's word for what a query parameter is."""

    INTEGER = "integer"
    BOOLEAN = "boolean"
    STRING = "string"


@dataclass(frozen=True, slots=True)
class Query:
    """One parameter in the query string, or one header; whole numbers lie from `least` to LARGEST."""

    name: str
    kind: Kind
    meaning: str
    least: int = 0


@dataclass(frozen=True, slots=True)
class Operation:
    """The status of success and the media type of the answer; the body's type, where one is read; the statuses of
    errors that are its own, beside those that every route has; whether a `Range` header is answered with a part; the
    `other` status of success, where there are two."""

    status: int = 200
    media: tuple[str, ...] = (JSON,)
    body: Any = None
    query: tuple[Query, ...] = ()
    headers: tuple[Query, ...] = ()
    errors: tuple[int, ...] = ()
    ranges: bool = False
    other: int | None = None


PLAIN = Operation()
