"""A pipeline whose token GitHub does not take any more: it gets another, and goes on at once where it was."""

from dataclasses import replace

from coordinator.store import BuildStore
from shared import keys
from shared.codec import encode
from tests.coordinator.api.front_door import FrontDoor, succeed, token_of
from tests.fakes import github_webhooks
from tests.fakes.github import STATUSES
from tests.waiting import wait_for


def renew(door: FrontDoor, login: str) -> None:
    answer = door.create_pipeline(login)
    assert (answer.status_code, answer.json()["repository"]) == (200, str(door.repository))


def test_a_push_that_waits_for_a_token_is_built_as_soon_as_there_is_one(door: FrontDoor) -> None:
    door.create_pipeline()
    door.shop.roles["zoe"] = "admin"
    door.tokens["zoe"] = door.github.add_user("zoe")
    del door.github.users[door.tokens["ann"]]
    asked = door.github.count("GET /repos/{owner}/{repo}/commits/{ref}")
    sha = door.shop.push({"x": "y"})
    door.github.deliver(door.shop, github_webhooks.push(door.shop, "refs/heads/main", "ben"))
    wait_for(lambda: door.github.count("GET /repos/{owner}/{repo}/commits/{ref}") > asked)
    renew(door, "zoe")
    made = wait_for(lambda: door.ask("GET", door.builds, "zoe").json()["items"])
    assert made[0]["commit"]["sha"] == sha
    door.wait_for_states(sha, whole="pending")


def test_a_status_that_waits_for_a_token_is_posted_as_soon_as_there_is_one(door: FrontDoor) -> None:
    door.server.world.plays = {"build": succeed, "unit-test": succeed}
    door.create_pipeline()
    door.shop.roles["zoe"] = "admin"
    door.tokens["zoe"] = door.github.add_user("zoe")
    door.start(login="ben")
    door.wait_for_states(whole="pending")
    del door.github.users[door.tokens["ann"]]
    posted = door.github.count(STATUSES)
    door.server.world.play()
    wait_for(lambda: door.ask("GET", f"{door.builds}/1", "ben").json()["status"] == "SUCCESS")
    wait_for(lambda: door.github.count(STATUSES) > posted + 4)  # the coordinator's own is refused too
    renew(door, "zoe")
    door.wait_for_states(whole="success", build="success", test="success")


def test_a_renewed_pipeline_keeps_its_builds_and_its_webhooks_secret(door: FrontDoor) -> None:
    door.create_pipeline()
    door.start()
    (before,) = door.shop.hooks.values()
    door.shop.hooks.clear()
    renew(door, "ann")
    (after,) = door.shop.hooks.values()
    assert after["config"] == before["config"]
    assert door.ask("GET", f"{door.builds}/1").ok


def test_stages_get_the_renewed_token(door: FrontDoor) -> None:
    seen: list[str] = []
    door.server.world.plays = {"build": lambda stage: (seen.append(token_of(stage)), succeed(stage))[1]}
    door.server.world.play()
    door.create_pipeline()
    door.shop.roles["zoe"] = "admin"
    door.tokens["zoe"] = door.github.add_user("zoe")
    renew(door, "zoe")
    door.start()
    door.wait_for_end()
    assert seen == [door.tokens["zoe"]]


def test_what_another_authsecret_sealed_is_replaced(door: FrontDoor) -> None:
    door.create_pipeline()
    record = replace(BuildStore(door.server.kv).pipeline(door.repository), token="v1.AAAA", hook_secret="v1.AAAA")
    key = keys.pipeline_key(door.repository)
    entry = door.server.kv.get(key)
    assert entry is not None
    assert door.server.kv.replace(key, encode(record), entry.revision)
    renew(door, "ann")
    door.shop.push({"x": "y"})
    (answer,) = door.github.deliver(door.shop, github_webhooks.push(door.shop, "refs/heads/main", "ann"))
    assert answer.status_code == 202
    assert wait_for(lambda: door.ask("GET", door.builds).json()["items"])


def test_only_who_administers_the_repository_renews_and_a_failure_leaves_all_as_it_was(door: FrontDoor) -> None:
    door.create_pipeline()
    assert door.create_pipeline("ben").status_code == 403
    door.github.fail("POST /repos/{owner}/{repo}/hooks", 502)
    record = BuildStore(door.server.kv).pipeline(door.repository)
    assert door.create_pipeline().status_code == 503
    assert BuildStore(door.server.kv).pipeline(door.repository) == record


def test_a_pipeline_that_is_half_deleted_is_not_renewed(door: FrontDoor) -> None:
    door.create_pipeline()
    door.shop.hooks.clear()
    BuildStore(door.server.kv).begin_deletion(door.repository)
    answer = door.create_pipeline()
    assert (answer.status_code, "is being deleted" in answer.json()["message"]) == (409, True)
    assert door.shop.hooks == {}
