"""Routes of builds: start, list, read, cancel, and watch as an event stream."""

import logging
from collections.abc import Iterator

import bottle

from coordinator.api.auth import caller
from coordinator.api.errors import JsonBottle
from coordinator.api.requests import number_query, read_object, text_field, text_list_field
from coordinator.api.streams import KEEP_ALIVE, as_stream, event
from coordinator.builds import Builds
from coordinator.changes import BuildChanges
from coordinator.store import BuildStore
from coordinator.views import build_view
from shared import api_records, keys
from shared.errors import StoreError
from shared.model import Repository, Trigger

BUILDS = "/api/v1/pipelines/<host>/<owner>/<name>/builds"
KEEP_ALIVE_S = 2.0
STORE_PAUSE_S = 1.0

log = logging.getLogger(__name__)


def add_routes(app: JsonBottle, store: BuildStore, builds: Builds, changes: BuildChanges) -> None:
    """Add the routes of builds."""

    @app.post(BUILDS)
    def create_build(host: str, owner: str, name: str) -> api_records.Build:
        body = read_object()
        trigger = Trigger(text_field(body, "source", "api"), caller().login)
        only = text_list_field(body, "only")
        build = builds.create(Repository(host, owner, name), text_field(body, "ref"), trigger, only)
        bottle.response.status = 201
        return build_view(build)

    @app.get(BUILDS)
    def list_builds(host: str, owner: str, name: str) -> dict[str, list[api_records.Build]]:
        repository = Repository(host, owner, name)
        store.pipeline(repository)
        found = store.builds(repository)[: number_query("limit", None)]
        return {"items": [build_view(build) for build in found]}

    @app.get(f"{BUILDS}/<number:int>")
    def read_build(host: str, owner: str, name: str, number: int) -> api_records.Build:
        return build_view(store.build(Repository(host, owner, name), number).value)

    @app.post(f"{BUILDS}/<number:int>/cancel")
    def cancel_build(host: str, owner: str, name: str, number: int) -> api_records.Build:
        build = builds.cancel(Repository(host, owner, name), number, caller().login)
        bottle.response.status = 202
        return build_view(build)

    @app.get(f"{BUILDS}/<number:int>/events")
    def watch_build(host: str, owner: str, name: str, number: int) -> Iterator[bytes]:
        repository = Repository(host, owner, name)
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
