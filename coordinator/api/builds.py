"""Routes of builds: start, list, read, cancel and remove."""

import bottle

from coordinator.api.auth import caller
from coordinator.api.callers import Callers
from coordinator.api.errors import JsonBottle
from coordinator.api.operation import Kind, Operation, Query
from coordinator.api.pipelines import PIPELINE
from coordinator.api.requests import number_query, read_body
from coordinator.builds import Builds
from coordinator.retention import Retention
from coordinator.store import BuildStore
from coordinator.views import build_view
from shared import api_records
from shared.model import Trigger

BUILDS = f"{PIPELINE}/builds"
BUILD = f"{BUILDS}/<number:int>"
DEFAULT_PAGE = 50
LARGEST_PAGE = 100

_PAGE = (
    Query("limit", Kind.INTEGER, f"at most so many, {DEFAULT_PAGE} if not given, {LARGEST_PAGE} at most", 1),
    Query("before", Kind.INTEGER, "only builds with smaller numbers than this", 1),
)


def add_routes(app: JsonBottle, store: BuildStore, builds: Builds, retention: Retention, callers: Callers) -> None:
    """Add the routes of builds."""

    @app.post(BUILDS, operation=Operation(201, body=api_records.NewBuild, errors=(409, 422)))
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
