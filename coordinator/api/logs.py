"""The route of logs: what is stored, whole or a part, or live as an event stream."""

import base64
import re
from collections.abc import Iterator

import bottle

from coordinator.api.callers import Callers
from coordinator.api.errors import HttpError, JsonBottle
from coordinator.api.operation import BYTES, EVENTS, Kind, Operation, Query
from coordinator.api.ranges import Content, send
from coordinator.api.requests import flag_query, number_query
from coordinator.api.stages import ATTEMPT, STAGE
from coordinator.api.streams import KEEP_ALIVE, Streams, event
from coordinator.changes import BuildChanges
from coordinator.log_reader import LogReader, Piece
from coordinator.stage_lookup import find_attempt, find_stage
from coordinator.store import BuildStore

_QUERY = (
    Query("offset", Kind.INTEGER, "from this byte on"),
    ATTEMPT,
    Query("follow", Kind.BOOLEAN, "go on until the attempt has ended, as an event stream"),
)
_LAST_EVENT = Query("Last-Event-ID", Kind.STRING, "with `follow`: the `id` of the last event that was read, to go on")
_LOG = Operation(media=(BYTES, EVENTS), query=_QUERY, headers=(_LAST_EVENT,), ranges=True)


def add_routes(
    app: JsonBottle, store: BuildStore, logs: LogReader, changes: BuildChanges, streams: Streams, callers: Callers
) -> None:
    """Add the route of logs."""

    @app.get(f"{STAGE}/logs", operation=_LOG)
    def read_log(host: str, owner: str, name: str, number: int, stage: str) -> Iterator[bytes]:
        """Read a stage's log: what is stored, or with `follow` an event stream until the attempt has ended."""
        repository = callers.reading(host, owner, name)
        build = store.build(repository, number).value
        found = find_stage(build, stage)
        offset, attempt = number_query("offset", 0) or 0, number_query("attempt", None)
        if flag_query("follow"):
            attempt, offset = _last_event() or (attempt, offset)
            asked = attempt and find_attempt(build, found, attempt)
            return streams.open(_log_events(logs.follow(repository, number, found.id, asked, offset), offset, changes))
        log_of = (repository, number, found.id, find_attempt(build, found, attempt))
        size = max(0, logs.size(*log_of) - offset)
        return send(Content(size, lambda start, length: logs.read(*log_of, offset + start, length)), BYTES)


def _last_event() -> tuple[int, int] | None:
    """The attempt, and the offset after the last event that a reader had before its stream broke; or None.

    Raises HttpError 400.
    """
    text = bottle.request.get_header("Last-Event-ID", "")
    if not text:
        return None
    found = re.fullmatch(r"([1-9][0-9]{0,8})-([0-9]{1,18})", text)
    if found is None:
        raise HttpError(400, "bad_event_id", f"Last-Event-ID: {text[:80]!r} is no id of an event of a log")
    return int(found[1]), int(found[2])


def _log_events(pieces: Iterator[Piece], offset: int, changes: BuildChanges) -> Iterator[bytes]:
    for piece in pieces:
        if not piece.data:
            yield KEEP_ALIVE
            continue
        text = base64.b64encode(piece.data).decode()
        offset = piece.offset + len(piece.data)
        yield event("log", {"offset": piece.offset, "data": text}, id_=f"{piece.attempt}-{offset}")
    if not changes.closed:  # a stream that only the service's own end has cut short has no `end`: ask again
        yield event("end", {"offset": offset})
