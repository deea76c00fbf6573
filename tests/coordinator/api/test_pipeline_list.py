"""The list of pipelines, page by page: what a caller may not see is on none."""

import pytest

from coordinator.api import pipelines
from shared.model import Repository
from tests.coordinator.api.api_server import PIPELINES
from tests.coordinator.api.front_door import FrontDoor
from tests.coordinator.api.test_api import error_of

NAMES = ["Acme/shop", "acme/a", "acme/b", "acme/c", "acme/d"]


@pytest.fixture
def many(door: FrontDoor, monkeypatch: pytest.MonkeyPatch) -> FrontDoor:
    """A front door with five pipelines, of which cat may see the first, the third and the last."""
    monkeypatch.setattr(pipelines, "_ASKED_AT_ONCE", 2)
    assert door.create_pipeline().status_code == 201
    for name in NAMES[1:]:
        roles = {"cat": "pull"} if name in ("acme/b", "acme/d") else {}
        door.github.add_repository(name, {"a": "b"}, ann="admin", **roles)
        assert door.create_pipeline(name=name).status_code == 201
    return door


def pages(door: FrontDoor, login: str, limit: int) -> list[list[str]]:
    """The names on each page, as `next` leads through them."""
    found, after = [], ""
    while True:
        page = door.ask("GET", PIPELINES, login, params={"limit": limit, "after": after}).json()
        found.append([item["repository"].partition("/")[2] for item in page["items"]])
        if "next" not in page:
            return found
        after = page["next"]


def test_pages_lead_through_all_that_a_caller_may_see(many: FrontDoor) -> None:
    assert pages(many, "ann", 2) == [NAMES[:2], NAMES[2:4], NAMES[4:]]
    assert pages(many, "ann", 5) == pages(many, "ann", 99) == [NAMES]
    assert pages(many, "cat", 2) == [["Acme/shop", "acme/b"], ["acme/d"]]
    assert pages(many, "cat", 3) == [["Acme/shop", "acme/b", "acme/d"]]
    assert pages(many, "eve", 1) == [[]]


def test_without_a_limit_all_are_on_one_page(many: FrontDoor) -> None:
    answer = many.ask("GET", PIPELINES).json()
    assert (len(answer["items"]), "next" in answer) == (5, False)


def test_a_page_asks_github_of_no_more_than_it_needs(many: FrontDoor) -> None:
    asked = many.github.count("GET /repos/{owner}/{repo}")
    assert many.ask("GET", PIPELINES, "cat", params={"limit": 1}).json()["next"] == f"{many.github.host}/Acme/shop"
    assert many.github.count("GET /repos/{owner}/{repo}") == asked + 4


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=-1", "after=%ff"])
def test_a_page_that_is_none_is_refused(door: FrontDoor, query: str) -> None:
    error_of(door.ask("GET", f"{PIPELINES}?{query}"), 400, "bad_query")


def test_a_pipeline_of_a_host_that_is_served_no_more_hides_no_other(door: FrontDoor) -> None:
    door.create_pipeline()
    door.server.world.store.create_pipeline(Repository("git.old.example", "acme", "left"), "")
    assert pages(door, "ann", 5) == [["Acme/shop"]]
