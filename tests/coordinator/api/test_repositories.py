"""The repositories that a caller can see on GitHub."""

import pytest

from tests.coordinator.api.api_server import Server
from tests.coordinator.api.front_door import FrontDoor
from tests.coordinator.api.test_api import error_of

REPOSITORIES = "/api/v1/repos"


def test_what_the_caller_can_see_is_listed_with_their_rights(door: FrontDoor) -> None:
    door.create_pipeline()
    door.github.add_repository("acme/open", {"a": "b"}, private=False, ben="pull")
    door.github.add_repository("acme/hidden", {"a": "b"}, ann="admin")
    assert door.ask("GET", REPOSITORIES, "ben").json() == {
        "items": [
            {
                "repository": f"{door.github.host}/Acme/shop",
                "full_name": "Acme/shop",
                "default_branch": "main",
                "private": True,
                "permission": "write",
                "pipeline": True,
            },
            {
                "repository": f"{door.github.host}/acme/open",
                "full_name": "acme/open",
                "default_branch": "main",
                "private": False,
                "permission": "read",
                "pipeline": False,
            },
        ]
    }
    names = [item["full_name"] for item in door.ask("GET", REPOSITORIES, "ann").json()["items"]]
    assert names == ["Acme/shop", "acme/hidden"]
    assert door.ask("GET", REPOSITORIES, "eve").json() == {"items": []}


def test_a_deleted_pipeline_is_none(door: FrontDoor) -> None:
    door.create_pipeline()
    door.ask("DELETE", door.pipeline)
    assert [item["pipeline"] for item in door.ask("GET", REPOSITORIES).json()["items"]] == [False]


def test_pages_lead_through_all_of_them(door: FrontDoor) -> None:
    for number in range(4):
        door.github.add_repository(f"acme/r{number}", {"a": "b"}, ann="admin")
    pages = [door.ask("GET", f"{REPOSITORIES}?limit=2&page={page}").json() for page in (1, 2, 3, 4)]
    names = [[item["full_name"] for item in page["items"]] for page in pages]
    assert names == [["Acme/shop", "acme/r0"], ["acme/r1", "acme/r2"], ["acme/r3"], []]
    assert [page.get("next") for page in pages] == [2, 3, None, None]
    assert len(door.ask("GET", f"{REPOSITORIES}?limit=1000").json()["items"]) == 5


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "page=0", "page=-1", "page=1.5"])
def test_a_page_that_is_none_is_refused(door: FrontDoor, query: str) -> None:
    error_of(door.ask("GET", f"{REPOSITORIES}?{query}"), 400, "bad_query")


def test_without_a_right_token_nothing_is_listed(door: FrontDoor) -> None:
    error_of(door.server.ask("GET", REPOSITORIES, headers={}), 401, "no_token")
    error_of(door.ask("GET", REPOSITORIES, "ghp_unknown"), 401, "github_token")


@pytest.mark.parametrize("trouble", ["gone", "hangs", "fails", "limited"])
def test_while_github_fails_the_answer_is_503_and_says_so(door: FrontDoor, trouble: str) -> None:
    door.github.trouble(trouble)
    message = error_of(door.ask("GET", REPOSITORIES), 503, "unavailable")
    assert {"limited": "rate limit", "fails": "GitHub fails"}.get(trouble, "does not answer") in message


def test_folders_of_one_machine_are_none_on_github(idle_server: Server) -> None:
    assert "folders" in error_of(idle_server.ask("GET", REPOSITORIES), 409, "unsupported")
