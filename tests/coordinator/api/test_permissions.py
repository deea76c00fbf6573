"""What is asked of the source host and how long its answer counts; `test_endpoints` has who may do what."""

import base64
import time

import pytest

from coordinator.api.auth import ENCRYPTED
from coordinator.permissions import Permissions
from coordinator.tokens import TokenVault
from shared.errors import Forbidden, InfrastructureError, NotFound
from shared.model import Commit, Repository
from shared.ports import Access, RepositoryInfo
from tests.coordinator.api.api_server import PIPELINES
from tests.coordinator.api.front_door import AUTH_SECRET, FrontDoor, fail, succeed
from tests.coordinator.api.test_auth import by_hand

USER = "/api/v1/user"


@pytest.fixture
def begun(door: FrontDoor) -> FrontDoor:
    """A front door with a pipeline and a build, which runs."""
    door.create_pipeline()
    door.start()
    return door


def test_only_what_a_caller_may_read_is_listed(begun: FrontDoor) -> None:
    for name, private, roles in (("acme/open", False, {}), ("acme/hers", True, {"cat": "pull"})):
        begun.github.add_repository(name, {"a": "b"}, private, ann="admin", **roles)
        assert begun.create_pipeline(name=name).status_code == 201

    def listed(login: str) -> list[str]:
        items = begun.ask("GET", PIPELINES, login).json()["items"]
        return [item["repository"].partition("/")[2] for item in items]

    assert listed("ann") == ["Acme/shop", "acme/hers", "acme/open"]
    assert listed("cat") == ["Acme/shop", "acme/hers", "acme/open"]
    assert listed("ben") == ["Acme/shop", "acme/open"]
    assert listed("eve") == ["acme/open"]


def test_a_refusal_names_what_is_missing(begun: FrontDoor) -> None:
    message = begun.ask("POST", begun.builds, "cat", json={"ref": "main"}).json()["message"]
    assert message == f"this token may not write to {begun.repository}, which this needs"


def test_who_started_and_cancelled_a_build_is_known_from_github(begun: FrontDoor) -> None:
    assert begun.start(login="ben")["trigger"]["actor"] == "ben"
    begun.ask("POST", f"{begun.builds}/1/cancel", "ben")
    begun.server.world.play()
    assert begun.wait_for_end()["reason"] == "cancelled by ben"


def test_who_resumed_a_build_is_kept_with_the_run(begun: FrontDoor) -> None:
    begun.server.world.plays = {"build": succeed, "unit-test": fail}
    begun.server.world.play()
    assert begun.wait_for_end()["resumptions"] == []
    for actor, stage in (("ben", "unit-test"), ("ann", "Unit%20Test")):
        assert begun.ask("POST", f"{begun.builds}/1/stages/{stage}/resume", actor).status_code == 202
        ended = begun.wait_for_end()
    kept = [(each["run"], each["stage"], each["actor"]) for each in ended["resumptions"]]
    assert kept == [(2, "unit-test", "ben"), (3, "unit-test", "ann")]
    assert ended["created_at"] < ended["resumptions"][0]["at"] < ended["finished_at"]


def test_nobody_takes_anothers_name_by_signing_it(begun: FrontDoor) -> None:
    own = {"access_token": begun.tokens["ben"]}
    also_sealed = {**own, ENCRYPTED: TokenVault(AUTH_SECRET).seal_identity("ann", begun.tokens["ben"])}
    for identity in (own, {**own, ENCRYPTED: None}, also_sealed):
        token = by_hand({"identities": [identity], "sub": "ann"}, auth_secret=base64.b64encode(AUTH_SECRET).decode())
        headers = {"Authorization": f"Bearer {token}"}
        made = begun.server.ask("POST", begun.builds, headers=headers, json={})
        assert made.json()["trigger"]["actor"] == "ben"
        assert begun.server.ask("GET", USER, headers=headers).json() == {"login": "ben"}


def test_who_one_is_says_whether_the_token_holds(door: FrontDoor) -> None:
    assert door.ask("GET", USER, "eve").json() == {"login": "eve"}
    refused = door.ask("GET", USER, "ghp_unknown")
    assert (refused.status_code, refused.json()["code"]) == (401, "github_token")
    door.github.stop()
    assert door.ask("GET", USER, "eve").ok, "what was known just now"
    assert door.ask("GET", USER, "cat").status_code == 503


def test_names_in_another_case_are_the_same_repository(begun: FrontDoor) -> None:
    path = f"{PIPELINES}/{begun.github.host}/ACME/Shop/builds/1"
    assert begun.ask("GET", path).json()["repository"] == str(begun.repository)


def test_github_is_asked_once_in_a_while_and_not_at_all_while_it_is_away(begun: FrontDoor) -> None:
    asked = begun.github.count("GET /repos/{owner}/{repo}")
    for _ in range(5):
        assert begun.ask("GET", begun.builds).ok
    assert begun.github.count("GET /repos/{owner}/{repo}") == asked
    begun.github.stop()
    assert begun.ask("GET", begun.builds).ok
    assert begun.ask("GET", begun.builds, "cat").status_code == 503


class OneRepository:
    """A SourceHost with an answer that a test changes."""

    def __init__(self) -> None:
        self.access = Access.WRITE
        self.away = False
        self.asked = 0

    def describe(self, repository: Repository, token: str) -> RepositoryInfo:
        self.asked += 1
        if self.away:
            raise InfrastructureError("GitHub does not answer")
        if self.access is Access.NONE:
            raise NotFound("hidden")
        return RepositoryInfo(repository, "main", self.access)

    def login(self, token: str) -> str:
        return "ann"

    def commit(self, repository: Repository, ref: str, token: str) -> Commit:
        raise NotImplementedError

    def fork_base(self, repository: Repository, sha: str, token: str) -> str:
        raise NotImplementedError

    def read_file(self, repository: Repository, path: str, sha: str, token: str) -> str:
        raise NotImplementedError

    def clone_url(self, repository: Repository) -> str:
        return f"https://{repository}.git"


SHOP = Repository("github.com", "acme", "shop")


def test_an_answer_counts_for_half_a_minute_and_a_lost_right_is_noticed_then(monkeypatch: pytest.MonkeyPatch) -> None:
    host, now = OneRepository(), [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    permissions = Permissions(host)
    for _ in range(3):
        permissions.require(SHOP, "token", Access.WRITE)
    assert host.asked == 1
    permissions.require(SHOP, "another", Access.READ)
    assert host.asked == 2
    host.access = Access.READ
    now[0] += 31
    with pytest.raises(Forbidden):
        permissions.require(SHOP, "token", Access.WRITE)
    host.access = Access.NONE
    now[0] += 31
    with pytest.raises(NotFound):
        permissions.require(SHOP, "token", Access.READ)


def test_while_the_host_is_away_what_was_known_counts_for_ten_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    host, now = OneRepository(), [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    permissions = Permissions(host)
    permissions.require(SHOP, "token", Access.WRITE)
    host.away = True
    now[0] += 599
    permissions.require(SHOP, "token", Access.WRITE)
    now[0] += 2
    with pytest.raises(InfrastructureError):
        permissions.require(SHOP, "token", Access.WRITE)
