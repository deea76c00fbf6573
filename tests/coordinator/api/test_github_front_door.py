"""The service on GitHub, as its callers see it: tokens made by hand, builds of refs, statuses through outages."""

import pytest
import requests

from shared import keys
from shared.github_status import CONTEXT
from tests.coordinator.api.api_server import PIPELINES
from tests.coordinator.api.front_door import BUILD, UNIT_TEST, FrontDoor, fail, succeed, token_of
from tests.fakes.github import STATUSES, FakeGitHub
from tests.fakes.github_repositories import FakeRepository


def test_a_pipeline_and_a_build_of_it_with_a_token_made_by_hand(door: FrontDoor) -> None:
    assert door.create_pipeline(name="acme/SHOP").json()["repository"] == f"{door.github.host}/Acme/shop"
    made = door.start()
    assert made["commit"] == {
        "sha": door.sha,
        "ref": "refs/heads/main",
        "branch": "main",
        "author": "t <t@example.com>",
        "message": "first",
    }


def test_every_kind_of_ref_can_be_built(door: FrontDoor) -> None:
    door.create_pipeline()
    branch = door.shop.push({"x": "y"}, "feature/x")
    door.shop.tag("v1", branch)
    for ref, sha in (("feature/x", branch), ("refs/tags/v1", branch), ("v1", branch), (door.sha, door.sha)):
        assert door.start(ref)["commit"]["sha"] == sha


def test_every_stage_and_the_whole_are_told_to_github_once(door: FrontDoor) -> None:
    door.server.world.plays = {"build": succeed, "unit-test": fail}
    door.create_pipeline()
    door.start()
    door.wait_for_states(whole="pending")
    door.server.world.play()
    ended = door.wait_for_end()
    assert (ended["status"], [stage["github"] for stage in ended["stages"]]) == ("FAIL", ["taken", "taken"])
    door.wait_for_states(whole="failure", build="success", test="failure")
    history = [(each["context"], each["state"]) for each in door.github.history(door.sha)]
    assert sorted(history) == [
        (CONTEXT, "failure"),
        (CONTEXT, "pending"),
        (BUILD, "pending"),
        (BUILD, "success"),
        (UNIT_TEST, "failure"),
        (UNIT_TEST, "pending"),
    ]
    assert door.github.statuses(door.sha)[CONTEXT]["description"] == "Unit Test: exit code 1"
    assert {each["creator"]["login"] for each in door.github.history(door.sha)} == {"ann"}


@pytest.mark.parametrize("trouble", ["gone", "limited", "refusing"])
def test_statuses_converge_when_github_is_back(door: FrontDoor, trouble: str) -> None:
    door.server.world.plays = {"build": succeed, "unit-test": succeed}
    door.create_pipeline()
    door.start()
    door.wait_for_states(whole="pending")
    match trouble:
        case "gone":
            door.github.stop()
        case "limited":
            door.github.limit(2, STATUSES, times=None)
        case "refusing":
            door.github.fail(STATUSES, 502)
    door.server.world.play()
    assert door.wait_for_end()["status"] == "SUCCESS"
    door.github.heal()
    if trouble == "gone":
        door.github.start()
    door.wait_for_states(whole="success", build="success", test="success")


def test_the_token_is_in_no_answer_and_encrypted_in_the_store(door: FrontDoor) -> None:
    created = door.create_pipeline()
    door.start()
    answers = [created, door.ask("GET", PIPELINES), door.ask("GET", door.builds), door.ask("GET", f"{door.builds}/1")]
    assert all(answer.ok and door.tokens["ann"] not in answer.text for answer in answers)
    kept = b"".join(entry.value for entry in door.server.kv.list(keys.STATE))
    assert b'"token":"v1.' in kept
    assert door.tokens["ann"].encode() not in kept


def test_stages_get_the_token_of_the_pipelines_creator(door: FrontDoor) -> None:
    seen: list[str] = []
    door.server.world.plays = {"build": lambda stage: (seen.append(token_of(stage)), succeed(stage))[1]}
    door.server.world.play()
    door.create_pipeline("ann")
    door.start(login="ben")
    door.wait_for_end()
    assert seen == [door.tokens["ann"]]


def test_a_token_that_github_does_not_know_is_refused_with_401(door: FrontDoor) -> None:
    door.create_pipeline()
    for answer in (door.create_pipeline("ghp_unknown"), door.ask("GET", PIPELINES, "ghp_unknown")):
        assert (answer.status_code, answer.json()["code"]) == (401, "github_token")
        assert "ghp_unknown" not in answer.text


def test_a_repository_of_another_host_is_not_found(door: FrontDoor) -> None:
    elsewhere = f"{PIPELINES}/gitlab.com/a/b"
    for method, path, body in (
        ("POST", PIPELINES, {"repository": "gitlab.com/a/b"}),
        ("GET", elsewhere, None),
        ("GET", f"{elsewhere}/builds/1/stages/build/logs", None),
        ("POST", f"{elsewhere}/builds", {}),
        ("DELETE", elsewhere, None),
    ):
        answer = door.ask(method, path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert f"{door.github.host}/owner/name" in answer.json()["message"]


def test_what_is_not_there_is_not_found(door: FrontDoor) -> None:
    assert door.create_pipeline(name="acme/nope").status_code == 404
    assert door.create_pipeline("eve").status_code == 404
    door.create_pipeline()
    answer = door.ask("POST", door.builds, json={"ref": "nope"})
    assert (answer.status_code, "'nope'" in answer.json()["message"]) == (404, True)
    empty = door.github.add_repository("acme/empty", {"a": "b"}, ann="admin")
    assert door.create_pipeline(name=empty.full_name).status_code == 201
    answer = door.ask("POST", f"{PIPELINES}/{door.github.host}/acme/empty/builds", json={"ref": "main"})
    assert (answer.status_code, ".pipeline.yml" in answer.json()["message"]) == (404, True)


@pytest.mark.parametrize("trouble", ["gone", "hangs", "limited"])
def test_while_github_fails_the_answer_is_503_and_says_so(door: FrontDoor, trouble: str) -> None:
    door.create_pipeline()
    match trouble:
        case "gone":
            door.github.stop()
        case "hangs":
            door.github.hang()
        case "limited":
            door.github.limit(60)
    answer = door.ask("POST", door.builds, json={"ref": "main"})
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert ("rate limit" if trouble == "limited" else "does not answer") in answer.json()["message"]


def test_the_stand_in_is_the_repositorys_git_server_too(door: FrontDoor, github: FakeGitHub) -> None:
    assert isinstance(door.shop, FakeRepository)
    assert requests.get(f"{github.url}/Acme/shop.git/info/refs?service=git-upload-pack", timeout=5).status_code == 401
