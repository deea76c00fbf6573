"""Reading what a request brings: its JSON body and its query, with clear errors."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Timer
from typing import Any, TypeVar

import bottle
import msgspec
from cheroot.errors import MaxSizeExceeded

from coordinator.api.errors import HttpError
from coordinator.api.operation import LARGEST

T = TypeVar("T")

MAX_BODY_BYTES = 1024 * 1024
PIECE_BYTES = 64 * 1024
BODY_S = 10.0
"""How long a whole body may take, however it trickles in."""
SOCKET = "kontinuous.socket"
"""Where the server leaves a request's connection in its environment."""


def read_body(kind: type[T]) -> T:
    """The body as an object of a record's type. Raises HttpError 400 that names the field, or 413."""
    try:
        return msgspec.convert(_read_object(), kind)
    except msgspec.ValidationError as error:
        raise HttpError(400, "bad_field", f"the body does not fit: {error}") from error


def _read_object() -> dict[str, Any]:
    """The body as a JSON object; {} where there is none. Raises HttpError 400 or 413."""
    data = read_bytes(MAX_BODY_BYTES)
    if not data:
        return {}
    try:
        value = msgspec.json.decode(data)  # unlike Python's own, it takes no half of a surrogate pair
    except (ValueError, RecursionError) as error:
        raise HttpError(400, "bad_json", f"the body is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise HttpError(400, "bad_json", "the body is not a JSON object")
    return value


def read_bytes(most: int) -> bytes:
    """The body, whole; raises HttpError 400, 408 where it takes too long, or 413 where it has over `most` bytes.

    Read past Bottle, which keeps bodies of any size and undoes chunks that are undone already.
    """
    source = bottle.request.environ["wsgi.input"]
    too_large = HttpError(413, "too_large", f"the body is over {most} bytes")
    with _in_time():
        try:
            data: bytes = source.read(most + 1)
            if len(data) > most:
                while source.read(PIECE_BYTES):  # who sends before it reads would meet a broken connection, no answer
                    continue
                raise too_large
        except MaxSizeExceeded as error:
            raise too_large from error
        except TimeoutError as error:
            raise _too_late() from error
        except (ValueError, OSError) as error:
            raise HttpError(400, "bad_body", f"the body cannot be read: {error}") from error
    return data


@contextmanager
def _in_time() -> Iterator[None]:
    """Read a body within BODY_S. Raises HttpError 408, whatever else the cut body led to."""
    with cut_after(bottle.request.environ[SOCKET], BODY_S) as late:
        try:
            yield
        finally:
            if late.is_set():
                raise _too_late()


@contextmanager
def cut_after(connection: socket.socket, limit_s: float) -> Iterator[Event]:
    """End what is read of a connection after a time, and say so in the event: a limit for each read would let single
    bytes trickle in for ever."""
    late = Event()

    def cut() -> None:
        late.set()
        with suppress(OSError):  # its other end has left
            connection.shutdown(socket.SHUT_RD)

    timer = Timer(limit_s, cut)
    timer.daemon = True
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()


def _too_late() -> HttpError:
    return HttpError(408, "too_late", f"the body did not come within {BODY_S:.0f} s")


def text_query(name: str) -> str:
    """A text in the query string; "" where it is not there. Raises HttpError 400 where it is not UTF-8."""
    if not bottle.request.query.get(name, ""):
        return ""
    text: str | None = bottle.request.query.getunicode(name)
    if text is None:
        raise HttpError(400, "bad_query", f"{name} is not UTF-8")
    return text


def number_query(name: str, default: int | None, least: int = 0) -> int | None:
    """A whole number from `least` on in the query string; raises HttpError 400."""
    text = bottle.request.query.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdecimal() or len(text) > len(str(LARGEST)):
        raise HttpError(400, "bad_query", f"{name}={text!r} is not a whole number")
    if int(text) < least:
        raise HttpError(400, "bad_query", f"{name}={text!r} is below {least}")
    return int(text)


def flag_query(name: str) -> bool:
    """Whether a flag in the query string is set: `true` or `1`."""
    return bottle.request.query.get(name, "").lower() in ("1", "true")
