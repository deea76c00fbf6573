"""Routes of builds: start, list, read, cancel, remove, and watch as an event stream."""

import logging
from collections.abc import Iterator

import bottle

from coordinator.api.auth import caller
from coordinator.api.callers import Callers
from coordinator.api.errors import JsonBottle
from coordinator.api.operation import EVENTS, Kind, Operation, Query
from coordinator.api.pipelines import PIPELINE
from coordinator.api.requests import number_query, read_body
from coordinator.api.streams import KEEP_ALIVE, as_stream, event
from coordinator.builds import Builds
from coordinator.changes import BuildChanges
from coordinator.retention import Retention
from coordinator.store import BuildStore
from coordinator.views import build_view
from shared import api_records, keys
from shared.errors import StoreError
from shared.model import Repository, Trigger

BUILDS = f"{PIPELINE}/builds"
BUILD = f"{BUILDS}/<number:int>"
DEFAULT_PAGE = 50
LARGEST_PAGE = 100
KEEP_ALIVE_S = 2.0
STORE_PAUSE_S = 1.0

_PAGE = (
    Query("limit", Kind.INTEGER, f"at most so many, {DEFAULT_PAGE} if not given, {LARGEST_PAGE} at most", 1),
    Query("before", Kind.INTEGER, "only builds with smaller numbers than this", 1),
)

log = logging.getLogger(__name__)


def add_routes(
    app: JsonBottle,
    store: BuildStore,
    builds: Builds,
    retention: Retention,
    changes: BuildChanges,
    callers: Callers,
) -> None:
    """Add the routes of builds."""

    @app.post(BUILDS, operation=Operation(201, body=api_records.NewBuild, errors=(422,)))
    def create_build(host: str, owner: str, name: str) -> api_records.Build:
        """Start a build of a branch, tag or commit."""
        repository = callers.writing(host, owner, name)
        body = read_body(api_records.NewBuild)
        trigger, token = Trigger(body.get("source", "api"), callers.login), caller().access_token
        build = builds.create(repository, body.get("ref", ""), trigger, token, body.get("only", []))
        bottle.response.status = 201
        return build_view(build)

    @app.get(BUILDS, operation=Operation(query=_PAGE))
    def list_builds(host: str, owner: str, name: str) -> api_records.BuildList:
        """List a pipeline's builds, the newest first, page by page."""
        repository = callers.reading(host, owner, name)
        limit = min(number_query("limit", None, least=1) or DEFAULT_PAGE, LARGEST_PAGE)
        found = store.builds_before(repository, number_query("before", None, least=1), limit + 1)
        items = [build_view(build) for build in found[:limit]]
        return {"items": items} if len(found) == len(items) else {"items": items, "next": items[-1]["number"]}

    @app.get(BUILD)
    def read_build(host: str, owner: str, name: str, number: int) -> api_records.Build:
        """Read a build with its stages."""
        return build_view(store.build(callers.reading(host, owner, name), number).value)

    @app.delete(BUILD, operation=Operation(204, errors=(409,)))
    def delete_build(host: str, owner: str, name: str, number: int) -> None:
        """Remove a finished build, with its logs and artifacts; its number is not given out again."""
        repository = callers.administering(host, owner, name)
        retention.remove(store.build(repository, number).value)
        bottle.response.status = 204

    @app.post(f"{BUILD}/cancel", operation=Operation(202, errors=(409,)))
    def cancel_build(host: str, owner: str, name: str, number: int) -> api_records.Build:
        """Ask for a build's end; its stages end within half a minute."""
        build = builds.cancel(callers.writing(host, owner, name), number, callers.login)
        bottle.response.status = 202
        return build_view(build)

    @app.get(f"{BUILD}/events", operation=Operation(media=(EVENTS,)))
    def watch_build(host: str, owner: str, name: str, number: int) -> Iterator[bytes]:
        """Watch a build: an event `build` now and after each change, `end` once it has ended."""
        repository = callers.reading(host, owner, name)
        store.build(repository, number)
        return as_stream(_build_events(store, changes, repository, number))


def _build_events(store: BuildStore, changes: BuildChanges, repository: Repository, number: int) -> Iterator[bytes]:
    """The build now and after each change; keeps the reader waiting while the store is down."""
    key = keys.build_key(repository, number)
    revision = -1
    while not changes.closed:
        try:
            stored = store.build(repository, number)
        except StoreError as error:
            log.info("the events of build %d of %s are waited for: %s", number, repository, error)
            yield KEEP_ALIVE
            changes.wait(key, revision, STORE_PAUSE_S)
            continue
        if stored.revision != revision:
            revision = stored.revision
            yield event("build", build_view(stored.value))
        if stored.value.finished:
            yield event("end", {})
            return
        if not changes.wait(key, revision, KEEP_ALIVE_S):
            yield KEEP_ALIVE
