"""Routes of builds: start, list, read, cancel, and watch as an event stream."""

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
from coordinator.store import BuildStore
from coordinator.views import build_view
from shared import api_records, keys
from shared.errors import StoreError
from shared.model import Repository, Trigger

BUILDS = f"{PIPELINE}/builds"
KEEP_ALIVE_S = 2.0
STORE_PAUSE_S = 1.0

log = logging.getLogger(__name__)


def add_routes(app: JsonBottle, store: BuildStore, builds: Builds, changes: BuildChanges, callers: Callers) -> None:
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

    @app.get(BUILDS, operation=Operation(query=(Query("limit", Kind.INTEGER, "at most so many"),)))
    def list_builds(host: str, owner: str, name: str) -> api_records.BuildList:
        """List a pipeline's builds, the newest first."""
        repository = callers.reading(host, owner, name)
        store.pipeline(repository)
        found = store.builds(repository)[: number_query("limit", None)]
        return {"items": [build_view(build) for build in found]}

    @app.get(f"{BUILDS}/<number:int>")
    def read_build(host: str, owner: str, name: str, number: int) -> api_records.Build:
        """Read a build with its stages."""
        return build_view(store.build(callers.reading(host, owner, name), number).value)

    @app.post(f"{BUILDS}/<number:int>/cancel", operation=Operation(202, errors=(409,)))
    def cancel_build(host: str, owner: str, name: str, number: int) -> api_records.Build:
        """Ask for a build's end; its stages end within half a minute."""
        build = builds.cancel(callers.writing(host, owner, name), number, callers.login)
        bottle.response.status = 202
        return build_view(build)

    @app.post(f"{BUILDS}/<number:int>/stages/<stage>/resume", operation=Operation(202, errors=(409,)))
    def resume_build(host: str, owner: str, name: str, number: int, stage: str) -> api_records.Build:
        """Run a finished build again from this stage on, as new attempts."""
        build = builds.resume(callers.writing(host, owner, name), number, stage)
        bottle.response.status = 202
        return build_view(build)

    @app.get(f"{BUILDS}/<number:int>/events", operation=Operation(media=(EVENTS,)))
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
