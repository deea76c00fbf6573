"""Webhooks from their installation to the build and its statuses, over HTTP."""

import json
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from threading import Event
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from coordinator.api.large_bodies import AT_ONCE
from coordinator.api.requests import BODY_S
from coordinator.delivery_intake import MAX_DELIVERY_BYTES
from coordinator.delivery_records import DeliveryRecords
from shared import keys
from shared.github_status import CONTEXT
from tests.coordinator.api.api_server import PIPELINE_FILE, PIPELINES
from tests.coordinator.api.front_door import FrontDoor, fail, succeed, token_of
from tests.coordinator.world import PlayedStage
from tests.fakes import github_webhooks
from tests.fakes.github import FakeGitHub
from tests.fakes.github_repositories import FakeRepository
from tests.fakes.github_webhooks import Message
from tests.waiting import wait_for

ANSWER_S = 0.5
SECRETIVE_FILE = """\
apiVersion: v1alpha1
kind: Pipeline
metadata: {name: hello, namespace: acaleph}
spec:
  template:
    stages:
      - {name: Build, type: docker_build, secrets: [creds]}
      - {name: Unit Test, type: command, params: {command: [make, test], token: key}, secrets: [creds]}
      - {name: Publish, type: docker_publish, params: {external_registry: quay.io, external_image_name: a/b}}
"""


class Hooked(FrontDoor):
    """A front door whose repository has a pipeline, and so a webhook."""

    def __init__(self, github: FakeGitHub) -> None:
        super().__init__(github)
        assert self.create_pipeline().status_code == 201
        self.hook: dict[str, Any] = next(iter(self.shop.hooks.values()))
        self.url = str(self.hook["config"]["url"])

    def deliver(self, message: Message) -> dict[str, Any]:
        """Let GitHub deliver a message; returns the answer, which must come at once."""
        begun = time.monotonic()
        (answer,) = self.github.deliver(self.shop, message)
        assert time.monotonic() - begun < ANSWER_S
        assert answer.status_code == 202, answer.text
        receipt: dict[str, Any] = answer.json()
        return receipt

    def push(self, branch: str = "main", **files: str) -> Message:
        """The message of a push of a new commit."""
        self.shop.push({"x": branch, **files}, branch)
        return github_webhooks.push(self.shop, f"refs/heads/{branch}", "ben")

    def all_builds(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("GET", self.builds).json()["items"]
        return found

    def build(self, number: int) -> dict[str, Any]:
        """A build, once it is there."""
        path = f"{self.builds}/{number}"
        return wait_for(lambda: answer.json() if (answer := self.ask("GET", path)).ok else None)

    def receipt_with_build(self, message: Message) -> dict[str, Any]:
        """Deliver a message again until it has a build."""
        return wait_for(lambda: receipt if (receipt := self.deliver(message))["build"] else None)


@pytest.fixture
def hooked(github: FakeGitHub) -> Iterator[Hooked]:
    hooked = Hooked(github)
    yield hooked
    hooked.server.close()


def test_a_pipeline_has_a_webhook_of_its_own_that_names_it(hooked: Hooked) -> None:
    assert hooked.url == f"{hooked.server.url}/api/v1/hooks/{hooked.repository}"
    assert (hooked.hook["events"], hooked.hook["config"]["content_type"]) == (["push", "pull_request"], "json")
    other = hooked.github.add_repository("acme/other", {"a": "b"}, ann="admin")
    hooked.create_pipeline(name="acme/other")
    secrets = [hook["config"]["secret"] for repo in (hooked.shop, other) for hook in repo.hooks.values()]
    assert len(set(secrets)) == 2
    assert all(len(secret) == 64 for secret in secrets)
    kept = b"".join(entry.value for entry in hooked.server.kv.list(keys.STATE))
    assert not any(secret.encode() in kept for secret in secrets)


def test_deleting_a_pipeline_removes_its_webhook_and_its_builds(hooked: Hooked) -> None:
    hooked.server.world.play()
    hooked.start()
    path = f"{PIPELINES}/{hooked.repository}"
    hooked.wait_for_end()
    wait_for(lambda: hooked.ask("DELETE", path).status_code == 204)
    assert hooked.shop.hooks == {}
    assert hooked.ask("GET", path).status_code == 404
    assert hooked.ask("GET", PIPELINES).json() == {"items": []}
    assert hooked.server.world.objects.list("") == ()
    assert hooked.create_pipeline().status_code == 201
    assert hooked.all_builds() == []
    assert hooked.start()["number"] == 2, "a number is never given twice"


def test_a_pipeline_whose_build_runs_is_not_deleted(hooked: Hooked) -> None:
    hooked.start()
    answer = hooked.ask("DELETE", f"{PIPELINES}/{hooked.repository}")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert len(hooked.shop.hooks) == 1


def test_a_deletion_that_did_not_end_is_repeated_and_no_build_begins_meanwhile(hooked: Hooked) -> None:
    hooked.server.world.play()
    hooked.start()
    hooked.wait_for_end()
    hooked.server.world.objects.stuck = True
    assert wait_for(lambda: s if (s := hooked.ask("DELETE", hooked.pipeline).status_code) != 409 else 0) == 503
    assert hooked.ask("GET", hooked.pipeline).status_code == 200
    for refused in (hooked.ask("POST", hooked.builds, json={"ref": "main"}), hooked.create_pipeline()):
        assert (refused.status_code, "is being deleted" in refused.json()["message"]) == (409, True)
    hooked.server.world.objects.stuck = False
    assert hooked.ask("DELETE", hooked.pipeline).status_code == 204
    assert hooked.ask("GET", hooked.pipeline).status_code == 404
    assert hooked.server.world.objects.list("") == ()
    assert hooked.create_pipeline().status_code == 201
    assert hooked.all_builds() == []


@pytest.mark.parametrize("what", ["pipeline", "build"])
def test_a_pull_request_whose_pushs_build_was_deleted_is_built_anew(hooked: Hooked, what: str) -> None:
    hooked.server.world.play()
    push = hooked.push("feature")
    assert hooked.receipt_with_build(push)["build"] == 1
    hooked.wait_for_end()
    path = {"pipeline": hooked.pipeline, "build": f"{hooked.builds}/1"}[what]
    wait_for(lambda: hooked.ask("DELETE", path).status_code == 204)
    if what == "pipeline":
        assert hooked.server.kv.list(keys.DELIVERIES) == ()
        assert hooked.create_pipeline().status_code == 201
    opened = github_webhooks.pull_request("opened", 7, hooked.shop, hooked.shop, "feature", "ben")
    assert hooked.receipt_with_build(opened)["build"] == 2
    assert hooked.build(2)["number"] == 2


def test_without_a_webhook_there_is_no_pipeline(door: FrontDoor) -> None:
    door.github.fail("POST /repos/{owner}/{repo}/hooks", 502)
    assert door.create_pipeline().status_code == 503
    assert door.ask("GET", PIPELINES).json() == {"items": []}
    door.github.heal()
    assert door.create_pipeline().status_code == 201


def test_where_github_refuses_the_webhooks_address_there_is_a_pipeline_that_says_so(door: FrontDoor) -> None:
    reason = "url is not supported because it isn't reachable over the public Internet (localhost)"
    door.github.fail("POST /repos/{owner}/{repo}/hooks", 422, reason)
    answer = door.create_pipeline()
    assert answer.status_code == 201
    problem = answer.json()["webhook_problem"]
    assert reason in problem
    assert door.ask("GET", f"{PIPELINES}/{door.repository}").json()["webhook_problem"] == problem
    assert door.start()["number"] == 1
    door.github.heal()
    answer = door.create_pipeline()
    assert (answer.status_code, answer.json()["webhook_problem"], len(door.shop.hooks)) == (200, "", 1)


def test_a_webhook_that_is_left_from_before_is_replaced(door: FrontDoor) -> None:
    url = f"{door.server.url}/api/v1/hooks/{door.repository}"
    door.shop.hooks[99] = {"id": 99, "events": ["push"], "config": {"url": url}, "type": "Repository"}
    door.shop.hooks[99] |= {k: v for k, v in door.github.example("hook").items() if k not in ("id", "config", "events")}
    assert door.create_pipeline().status_code == 201
    assert [hook["config"]["url"] for hook in door.shop.hooks.values()] == [url]
    assert 99 not in door.shop.hooks


def test_a_push_becomes_a_build_and_github_shows_how_it_ends(hooked: Hooked) -> None:
    hooked.server.world.plays = {"build": succeed, "unit-test": fail}
    message = hooked.push("feature/x")
    assert hooked.deliver(message) == {"status": "accepted", "reason": "", "build": None}
    made = hooked.build(1)
    sha = hooked.shop.sha("refs/heads/feature/x")
    assert (made["commit"]["sha"], made["commit"]["branch"]) == (sha, "feature/x")
    assert (made["commit"]["author"], made["commit"]["message"]) == ("t <t@example.com>", "a change")
    assert made["trigger"] == {"source": "webhook", "actor": "ben"}
    hooked.server.world.play()
    hooked.wait_for_states(sha, whole="failure", build="success", test="failure")


def test_a_tag_becomes_a_build(hooked: Hooked) -> None:
    hooked.shop.tag("v1", hooked.sha)
    hooked.deliver(github_webhooks.push(hooked.shop, "refs/tags/v1", "ben"))
    assert (hooked.build(1)["commit"]["ref"], hooked.build(1)["commit"]["sha"]) == ("refs/tags/v1", hooked.sha)


def test_a_redelivery_and_a_replay_give_the_existing_build(hooked: Hooked) -> None:
    message = hooked.push()
    hooked.deliver(message)
    assert hooked.receipt_with_build(message)["build"] == 1
    for _ in range(3):
        assert hooked.deliver(message)["build"] == 1
    later = hooked.push()
    assert hooked.receipt_with_build(later)["build"] == 2
    assert len(hooked.all_builds()) == 2


@pytest.mark.parametrize("push_first", [True, False])
def test_a_push_and_a_pull_request_of_one_commit_are_one_build(hooked: Hooked, push_first: bool) -> None:
    push = hooked.push("feature")
    opened = github_webhooks.pull_request("opened", 7, hooked.shop, hooked.shop, "feature", "ben")
    first, second = (push, opened) if push_first else (opened, push)
    assert hooked.receipt_with_build(first)["build"] == 1
    assert hooked.receipt_with_build(second)["build"] == 1
    reopened = github_webhooks.pull_request("reopened", 7, hooked.shop, hooked.shop, "feature", "ben")
    assert hooked.receipt_with_build(reopened)["build"] == 1
    assert [made["commit"]["ref"] for made in hooked.all_builds()] == ["refs/heads/feature"]


def test_what_cannot_be_built_of_a_commit_leaves_the_status_of_its_build(hooked: Hooked) -> None:
    hooked.server.world.plays = {"build": succeed, "unit-test": succeed}
    hooked.server.world.play()
    hooked.receipt_with_build(hooked.push())
    sha = hooked.shop.sha("refs/heads/main")
    hooked.wait_for_states(sha, whole="success", build="success", test="success")
    hooked.shop.tag("v1", sha)
    hooked.github.fail("GET /repos/{owner}/{repo}/contents/{path}", 404, "Not Found")
    hooked.deliver(github_webhooks.push(hooked.shop, "refs/tags/v1", "ben"))
    records, key = DeliveryRecords(hooked.server.kv), keys.delivery_key(hooked.repository, sha)
    wait_for(lambda: records.read(key).open() is None)
    assert [bool(each.failed) for each in records.read(key).deliveries] == [False, True]
    assert hooked.github.statuses(sha)[CONTEXT]["state"] == "success"


@pytest.mark.parametrize("action", ["opened", "synchronize", "reopened"])
def test_a_pull_request_becomes_a_build_of_its_head(hooked: Hooked, action: str) -> None:
    hooked.push("feature")
    hooked.deliver(github_webhooks.pull_request(action, 7, hooked.shop, hooked.shop, "feature", "cat"))
    made = hooked.build(1)
    assert made["commit"]["sha"] == hooked.shop.sha("refs/heads/feature")
    assert made["trigger"] == {"source": "webhook", "actor": "cat"}


def test_what_asks_for_no_build_is_ignored(hooked: Hooked) -> None:
    hooked.push("feature")
    closed = github_webhooks.pull_request("closed", 7, hooked.shop, hooked.shop, "feature", "ben")
    for message, reason in (
        (github_webhooks.deletion(hooked.shop, "refs/heads/feature", "ben"), "refs/heads/feature was deleted"),
        (closed, "nothing is built when a pull request is 'closed'"),
    ):
        assert hooked.deliver(message) == {"status": "ignored", "reason": reason, "build": None}
    other = github_webhooks.send(Message("star", b"{}"), hooked.url, hooked.hook["config"]["secret"])
    assert other.json()["status"] == "ignored"
    assert hooked.deliver(github_webhooks.ping(hooked.shop, "ben"))["status"] == "pong"
    assert hooked.server.kv.list(keys.DELIVERIES) == ()


def test_an_old_replay_starts_nothing(hooked: Hooked) -> None:
    message = hooked.push()
    value = json.loads(message.body)
    value["repository"]["pushed_at"] -= 31 * 24 * 3600
    old = Message("push", json.dumps(value).encode())
    assert hooked.deliver(old) == {"status": "ignored", "reason": "it is older than 30 days", "build": None}


class Fork:
    """A pull request from a fork whose author has changed everything, the pipeline file too."""

    def __init__(self, hooked: Hooked) -> None:
        hooked.shop.push({".pipeline.yml": SECRETIVE_FILE})
        self.repository: FakeRepository = hooked.github.fork(hooked.shop, "eve")
        self.sha = self.repository.push({".pipeline.yml": "kind: Evil"}, "evil")
        hooked.shop.take_pull_request(7, self.repository, "evil")
        self.message = github_webhooks.pull_request("opened", 7, hooked.shop, self.repository, "evil", "eve")


def test_a_pull_request_from_a_fork_uses_the_base_branchs_file_gets_no_secrets_and_publishes_nothing(
    hooked: Hooked,
) -> None:
    seen: dict[str, Any] = {}
    hooked.server.world.plays = {"build": lambda stage: (seen.update(stage=stage), succeed(stage))[1]}
    fork = Fork(hooked)
    hooked.deliver(fork.message)
    hooked.server.world.play()
    done = hooked.wait_for_end()
    assert (done["status"], done["commit"]["sha"], done["commit"]["ref"]) == ("SUCCESS", fork.sha, "refs/pull/7/head")
    assert [(stage["name"], stage["status"]) for stage in done["stages"]] == [
        ("Build", "SUCCESS"),
        ("Unit Test", "SUCCESS"),
        ("Publish", "SKIPPED"),
    ]
    stage = seen["stage"]
    assert (stage.context.secrets, stage.context.clone_url) == ((), f"{hooked.github.url}/Acme/shop.git")
    assert token_of(stage) == ""
    assert hooked.tokens["ann"] not in str(stage.launcher.secrets[stage.ref])
    volumes = stage.launcher.manifests[stage.ref]["spec"]["template"]["spec"]["volumes"]
    assert "creds" not in str(volumes)
    hooked.wait_for_states(fork.sha, whole="success", build="success", test="success")


def test_github_shows_which_stage_of_a_fork_runs(hooked: Hooked) -> None:
    go_on = Event()
    hooked.server.world.plays = {"build": lambda stage: (go_on.wait(20), succeed(stage))[1]}
    fork = Fork(hooked)
    hooked.server.world.play()
    hooked.deliver(fork.message)
    hooked.wait_for_states(fork.sha, whole="pending", build="pending")
    go_on.set()
    hooked.wait_for_states(fork.sha, whole="success", build="success", test="success")


def test_a_forks_commit_is_a_forks_too_where_it_is_named_by_its_sha(hooked: Hooked) -> None:
    seen: list[PlayedStage] = []
    hooked.server.world.plays = {"build": lambda stage: (seen.append(stage), succeed(stage))[1]}
    fork = Fork(hooked)
    stranger = hooked.shop.take_pull_request(8, fork.repository, fork.repository.default_branch)
    fork.repository.push({"y": "z"}, "unproposed")
    unproposed = hooked.shop.take_pull_request(9, fork.repository, "unproposed")
    del hooked.shop.taken[9]  # GitHub keeps the commits of all forks in one place
    hooked.server.world.play()
    for number, sha in enumerate((fork.sha, fork.sha[:12], unproposed), 1):
        assert hooked.start(sha)["commit"]["sha"] in (fork.sha, unproposed)
        done = hooked.wait_for_end(number)
        assert (done["status"], done["stages"][2]["status"]) == ("SUCCESS", "SKIPPED")
        assert token_of(seen[-1]) == ""
        assert seen[-1].context.secrets == ()
    hooked.start(stranger)
    hooked.wait_for_end(4)
    assert token_of(seen[-1]) == hooked.tokens["ann"], "it is on the default branch"


def test_a_bare_sha_of_the_repositorys_own_has_all_it_needs(hooked: Hooked) -> None:
    seen: list[str] = []
    hooked.server.world.plays = {"build": lambda stage: (seen.append(token_of(stage)), succeed(stage))[1]}
    hooked.server.world.play()
    old = hooked.shop.push({"x": "1"})
    hooked.shop.push({"x": "2"})
    proposed = hooked.shop.push({"y": "1"}, "proposed")
    head = hooked.shop.push({"y": "2"}, "proposed")
    hooked.shop.take_pull_request(7, hooked.shop, "proposed")
    for number, sha in enumerate((old, proposed, head), 1):
        hooked.start(sha)
        hooked.wait_for_end(number)
    assert seen == [hooked.tokens["ann"]] * 3


def test_a_forks_publish_stage_cannot_be_resumed(hooked: Hooked) -> None:
    hooked.server.world.play()
    hooked.deliver(Fork(hooked).message)
    hooked.wait_for_end()
    answer = hooked.ask("POST", f"{hooked.builds}/1/stages/publish/resume")
    assert (answer.status_code, "publishes nothing" in answer.json()["message"]) == (409, True)


def test_a_commit_of_a_fork_that_is_merged_is_built_anew(hooked: Hooked) -> None:
    fork = Fork(hooked)
    assert hooked.receipt_with_build(fork.message)["build"] == 1
    hooked.shop.take_branch("merged", fork.repository, "evil")
    hooked.shop.push({".pipeline.yml": PIPELINE_FILE}, "merged")
    message = github_webhooks.push(hooked.shop, "refs/heads/merged", "ann")
    assert hooked.receipt_with_build(message)["build"] == 2


@pytest.mark.parametrize("text", ["kind: Nonsense\n", None])
def test_a_commit_that_cannot_be_built_says_so_on_github(hooked: Hooked, text: str | None) -> None:
    if text is None:
        repository = hooked.github.add_repository("acme/bare", {"a": "b"}, ann="admin")
        hooked.create_pipeline(name="acme/bare")
    else:
        repository = hooked.shop
        repository.push({".pipeline.yml": text})
    sha = repository.sha("refs/heads/main")
    message = github_webhooks.push(repository, "refs/heads/main", "ben")
    assert hooked.github.deliver(repository, message)[0].ok
    status = wait_for(lambda: hooked.github.statuses(sha).get(CONTEXT))
    assert status["state"] == "error"
    assert ".pipeline.yml" in status["description"] or "kind" in status["description"]
    (again,) = hooked.github.deliver(repository, message)
    assert again.json()["reason"] != ""
    assert hooked.github.history(sha) == [status]


@pytest.mark.parametrize("trouble", ["gone", "hangs", "fails", "limited"])
def test_whatever_github_does_a_delivery_is_answered_at_once_and_built_later(hooked: Hooked, trouble: str) -> None:
    message = hooked.push()
    asked = len(hooked.github.requests)
    match trouble:
        case "gone":
            hooked.github.stop()
        case "hangs":
            hooked.github.hang()
        case "fails":
            hooked.github.fail("", 502)
        case "limited":
            hooked.github.limit(2, times=None)
    assert hooked.deliver(message)["status"] == "accepted"
    if trouble != "gone":
        wait_for(lambda: len(hooked.github.requests) > asked)
    hooked.github.heal()
    if trouble == "gone":
        hooked.github.start()
    made = wait_for(lambda: hooked.server.world.store.builds(hooked.repository), limit_s=40)
    assert len(made) == 1


def test_a_wrong_signature_is_refused_whatever_the_body(hooked: Hooked) -> None:
    message = hooked.push()
    unknown = hooked.url.replace("Acme/shop", "acme/nope")
    secret = hooked.hook["config"]["secret"]
    for url, key in ((hooked.url, "wrong"), (hooked.url, ""), (unknown, secret), (unknown, "")):
        answer = github_webhooks.send(message, url, key)
        assert (answer.status_code, answer.json()["code"]) == (401, "bad_signature")
    for headers in ({}, {"X-Hub-Signature-256": ""}, {"X-Hub-Signature-256": "sha1=abc"}, {"X-Hub-Signature-256": "ä"}):
        encoded = {name: value.encode() for name, value in headers.items()}
        answer = requests.post(hooked.url, message.body, headers={"X-GitHub-Event": "push", **encoded}, timeout=10)
        assert (answer.status_code, answer.json()["code"]) == (401, "bad_signature")
    changed = Message("push", message.body + b" ")
    signed = github_webhooks.send(message, hooked.url, secret).request
    signed.body = changed.body
    signed.headers["Content-Length"] = str(len(changed.body))
    assert requests.Session().send(signed, timeout=10).status_code == 401
    assert hooked.receipt_with_build(message)["build"] == 1
    assert len(hooked.all_builds()) == 1


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"{}", b"\xff\xfe", b'{"ref": 7}', b'{"ref":"refs/heads/x","after":"../../x"}', b"null"],
)
def test_a_signed_body_that_is_not_githubs_is_refused(hooked: Hooked, body: bytes) -> None:
    answer = github_webhooks.send(Message("push", body), hooked.url, hooked.hook["config"]["secret"])
    assert (answer.status_code, answer.json()["code"]) == (422, "input")


def test_the_largest_delivery_is_taken_at_once_and_a_larger_one_refused(hooked: Hooked) -> None:
    message = hooked.push()
    value = json.loads(message.body)
    value["commits"] *= int(MAX_DELIVERY_BYTES / len(json.dumps(value["commits"][0])) * 0.98)
    body = json.dumps(value).encode()
    assert MAX_DELIVERY_BYTES * 0.95 < len(body) <= MAX_DELIVERY_BYTES
    assert hooked.deliver(Message("push", body))["status"] == "accepted"
    too_large = github_webhooks.send(Message("push", body + b" " * MAX_DELIVERY_BYTES), hooked.url, "x")
    assert too_large.status_code == 413


def begun(url: str, headers: dict[str, str], body: bytes = b"") -> socket.socket:
    """A delivery whose head is sent, and of its body as much as is given."""
    found = urlsplit(url)
    connection = socket.create_connection((found.hostname, found.port), timeout=20)
    lines = [f"POST {found.path} HTTP/1.1", "Host: x", *(f"{name}: {value}" for name, value in headers.items())]
    connection.sendall("\r\n".join((*lines, "", "")).encode() + body)
    return connection


def answer_of(connection: socket.socket) -> bytes:
    """All that comes until the server ends the connection."""
    with connection:
        return b"".join(iter(lambda: connection.recv(65536), b""))


UNSIGNED = {"X-GitHub-Event": "push", "X-Hub-Signature-256": f"sha256={'0' * 64}"}
LENGTH = {"Content-Length": str(MAX_DELIVERY_BYTES)}
CHUNKED = {"Transfer-Encoding": "chunked"}


@pytest.mark.parametrize("body", [LENGTH, CHUNKED])
def test_where_no_signature_would_do_no_body_is_read(hooked: Hooked, body: dict[str, str]) -> None:
    unknown = hooked.url.replace("Acme/shop", "acme/nope")
    for url, headers in ((unknown, UNSIGNED), (hooked.url, {"X-Hub-Signature-256": "sha256=0"}), (hooked.url, {})):
        answer = answer_of(begun(url, {**headers, **body}, b"10000\r\n"))
        assert answer.startswith(b"HTTP/1.1 401 ")
        assert b"Connection: close" in answer
        assert b"bad_signature" in answer


def test_of_large_bodies_only_a_few_are_read_at_once_and_small_ones_go_on(hooked: Hooked) -> None:
    kinds = [LENGTH, CHUNKED] * (AT_ONCE // 2)
    waiting = [begun(hooked.url, {**UNSIGNED, **body}, b"10") for body in (*kinds, LENGTH)]
    assert hooked.deliver(hooked.push())["status"] == "accepted"
    answered, _, _ = select.select(waiting, [], [], BODY_S - 1)  # whichever came to the server last
    refused = answer_of(answered[0])
    assert refused.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: 5" in refused
    for connection in waiting:
        connection.close()
    wait_for(lambda: github_webhooks.send(Message("push", b" " * 2_000_000), hooked.url, "x").status_code == 401)


def test_a_body_that_trickles_in_is_given_up(hooked: Hooked) -> None:
    started = time.monotonic()
    connection = begun(hooked.url, {**UNSIGNED, "Content-Length": "1000"})
    trickling = threading.Event()

    def trickle() -> None:
        with suppress(OSError):
            while not trickling.wait(0.2):
                connection.sendall(b"x")

    thread = threading.Thread(target=trickle)
    thread.start()
    try:
        answer = connection.recv(65536)
    finally:
        trickling.set()
        thread.join()
        connection.close()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert BODY_S - 1 < time.monotonic() - started < BODY_S + 5
