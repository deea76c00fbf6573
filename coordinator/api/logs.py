"""Routes of logs: what is stored, from any byte on, or live as an event stream."""

import base64
from collections.abc import Iterator
from itertools import chain

import bottle

from coordinator.api.builds import BUILDS
from coordinator.api.callers import Callers
from coordinator.api.errors import JsonBottle
from coordinator.api.operation import BYTES, EVENTS, Kind, Operation, Query
from coordinator.api.requests import flag_query, number_query
from coordinator.api.streams import KEEP_ALIVE, as_stream, event
from coordinator.changes import BuildChanges
from coordinator.log_reader import LogReader, Piece, find_stage
from coordinator.store import BuildStore
from shared.errors import NotFound

_QUERY = (
    Query("offset", Kind.INTEGER, "from this byte on"),
    Query("attempt", Kind.INTEGER, "of this attempt; the newest where it is not given", least=1),
    Query("follow", Kind.BOOLEAN, "go on until the attempt has ended, as an event stream"),
)


def add_routes(app: JsonBottle, store: BuildStore, logs: LogReader, changes: BuildChanges, callers: Callers) -> None:
    """Add the routes of logs."""

    @app.get(f"{BUILDS}/<number:int>/stages/<stage>/logs", operation=Operation(media=(BYTES, EVENTS), query=_QUERY))
    def read_log(host: str, owner: str, name: str, number: int, stage: str) -> Iterator[bytes]:
        """Read a stage's log: what is stored, or with `follow` an event stream until the attempt has ended."""
        repository = callers.reading(host, owner, name)
        found = find_stage(store.build(repository, number).value, stage)
        offset = number_query("offset", 0) or 0
        attempt = number_query("attempt", None)
        if attempt is not None and attempt not in (a.number for a in found.attempts):
            raise NotFound(
                f"stage {found.id!r} of build {number} has no attempt {attempt}; it has {len(found.attempts)}"
            )
        if flag_query("follow"):
            pieces = logs.follow(repository, number, found.id, attempt, offset)
            return as_stream(_log_events(pieces, offset, changes))
        bottle.response.content_type = "application/octet-stream"
        return _begun(logs.read(repository, number, found.id, attempt or len(found.attempts), offset))


def _begun(data: Iterator[bytes]) -> Iterator[bytes]:
    """Read the first piece now, so that a store that is down is an error and not an empty answer."""
    return chain([next(data, b"")], data)


def _log_events(pieces: Iterator[Piece], offset: int, changes: BuildChanges) -> Iterator[bytes]:
    for piece in pieces:
        if not piece.data:
            yield KEEP_ALIVE
            continue
        text = base64.b64encode(piece.data).decode()
        offset = piece.offset + len(piece.data)
        yield event("log", {"offset": piece.offset, "data": text}, id_=str(offset))
    if not changes.closed:  # a stream that only the service's own end has cut short has no `end`: ask again
        yield event("end", {"offset": offset})
