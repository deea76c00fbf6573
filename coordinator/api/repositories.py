"""The route of the repositories that a caller could build."""

from coordinator.api.auth import caller
from coordinator.api.errors import JsonBottle
from coordinator.api.operation import Kind, Operation, Query
from coordinator.api.requests import number_query
from coordinator.forge import RepositoryList
from coordinator.store import BuildStore
from shared import api_records
from shared.errors import Unsupported
from shared.model import Repository
from shared.ports import RepositoryInfo

PAGE_SIZE = 30
LARGEST_PAGE = 100
"""GitHub's own."""
_QUERY = (
    Query("page", Kind.INTEGER, "this page, the first is 1", least=1),
    Query("limit", Kind.INTEGER, f"at most so many; {PAGE_SIZE} unless given, {LARGEST_PAGE} at most", least=1),
)


def add_routes(app: JsonBottle, store: BuildStore, host: RepositoryList | None) -> None:
    """Add the route; `host` is None where repositories are this machine's own folders."""

    @app.get("/api/v1/repos", operation=Operation(query=_QUERY, errors=(404, 409, 422)))
    def list_repositories() -> api_records.RepositoryList:
        """List the repositories on GitHub that the caller can see."""
        page = number_query("page", 1, least=1) or 1
        size = min(number_query("limit", PAGE_SIZE, least=1) or PAGE_SIZE, LARGEST_PAGE)
        if host is None:
            raise Unsupported("this kontinuous serves the folders of its own machine: there are none on GitHub to list")
        found = host.repositories(page, size, caller().access_token)
        served = {record.repository for record in store.pipelines()}
        items = [_view(info, served) for info in found.items]
        return {"items": items, "next": page + 1} if found.more else {"items": items}


def _view(info: RepositoryInfo, served: set[Repository]) -> api_records.VisibleRepository:
    return {
        "repository": str(info.repository),
        "full_name": f"{info.repository.owner}/{info.repository.name}",
        "default_branch": info.default_branch,
        "private": info.private,
        "permission": info.access.name.lower(),
        "pipeline": info.repository in served,
    }
