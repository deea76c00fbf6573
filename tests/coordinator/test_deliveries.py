"""From a delivery to at most one build: its record, and the worker, through crashes and outages."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.builds import Builds
from coordinator.delivery import KEPT, PULL_REQUEST, PUSH, Delivery, Ignored, read_delivery
from coordinator.delivery_intake import DeliveryIntake
from coordinator.delivery_records import CommitDeliveries, DeliveryRecords
from coordinator.delivery_worker import DeliveryWorker
from coordinator.github import GitHub
from coordinator.pauses import Pauses, Range
from coordinator.store import BuildStore
from coordinator.tokens import Tokens
from shared import keys
from shared.clock import timestamp
from shared.errors import InputError
from shared.github_status import CONTEXT
from shared.model import Repository
from tests.coordinator.api.api_server import PIPELINE_FILE
from tests.coordinator.samples import settings
from tests.coordinator.world import FlakyKeyValue, InterruptedKeyValue
from tests.fakes import github_webhooks
from tests.fakes.github import FakeGitHub
from tests.fakes.stores import FakeKeyValue
from tests.waiting import wait_for

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
SHA = "a" * 40
PUSHED = Delivery("push", PUSH, SHA, "refs/heads/x", "ann", timestamp(NOW))
OPENED = Delivery("pr", PULL_REQUEST, SHA, "refs/heads/x", "ann", timestamp(NOW))
FORKED = replace(OPENED, id="fork", ref="refs/pull/7/head", base_sha="b" * 40)


def with_build(delivery: Delivery, number: int = 1) -> Delivery:
    return replace(delivery, build=number, done=True)


@pytest.mark.parametrize(
    ("other", "delivery", "stands"),
    [
        (PUSHED, OPENED, True),
        (PUSHED, FORKED, True),
        (OPENED, PUSHED, True),
        (OPENED, replace(PUSHED, ref="refs/heads/y"), False),
        (OPENED, replace(PUSHED, ref="refs/tags/x"), False),
        (FORKED, PUSHED, False),
        (FORKED, OPENED, False),
        (OPENED, FORKED, False),
        (OPENED, replace(OPENED, id="pr-2"), True),
        (FORKED, replace(FORKED, id="fork-2"), True),
        (PUSHED, replace(PUSHED, id="push-2"), False),
        (replace(OPENED, twin=True), PUSHED, False),
        (PUSHED, PUSHED, False),
    ],
)
def test_whose_build_stands_for_whom(other: Delivery, delivery: Delivery, stands: bool) -> None:
    record = CommitDeliveries((with_build(other), delivery) if other != delivery else (delivery,))
    assert (record.twin_of(delivery, exists=lambda number: True) is not None) == stands


def test_a_delivery_that_failed_stands_for_nobody() -> None:
    failed = replace(PUSHED, failed="no file", done=True)
    assert CommitDeliveries((failed, OPENED)).twin_of(OPENED, exists=lambda number: True) is None


def test_a_build_that_was_removed_stands_for_nobody_and_one_that_is_still_to_be_made_does() -> None:
    for done, stands in ((True, False), (False, True)):
        record = CommitDeliveries((replace(PUSHED, build=7, done=done), OPENED))
        assert (record.twin_of(OPENED, exists=lambda number: number != 7) is not None) == stands


def test_pushes_come_first() -> None:
    assert CommitDeliveries((OPENED, PUSHED)).open() == PUSHED
    assert CommitDeliveries((OPENED, with_build(PUSHED))).open() == OPENED
    assert CommitDeliveries((with_build(OPENED),)).open() is None


def test_a_body_is_kept_once() -> None:
    records, repository = DeliveryRecords(FakeKeyValue()), Repository("github.com", "a", "b")
    assert records.accept(repository, PUSHED) == PUSHED
    records.update(keys.delivery_key(repository, SHA), lambda record: record.with_delivery(with_build(PUSHED)))
    assert records.accept(repository, replace(PUSHED, accepted_at="later")).build == 1


def test_what_is_too_old_to_be_taken_again_is_forgotten() -> None:
    kv, repository = FakeKeyValue(), Repository("github.com", "a", "b")
    records = DeliveryRecords(kv)
    records.accept(repository, PUSHED)
    records.tidy(NOW + KEPT - timedelta(minutes=1))
    assert len(kv.list(keys.DELIVERIES)) == 1
    records.tidy(NOW + KEPT + timedelta(minutes=1))
    assert kv.list(keys.DELIVERIES) == ()


def test_a_record_is_removed_only_as_it_was_read() -> None:
    records, repository = DeliveryRecords(FakeKeyValue()), Repository("github.com", "a", "b")
    key = keys.delivery_key(repository, SHA)
    records.accept(repository, PUSHED)
    before = records.read(key)
    records.accept(repository, OPENED)
    records.remove(key, before)
    assert records.read(key).deliveries == (PUSHED, OPENED)
    records.remove(key, records.read(key))
    assert records.read(key).deliveries == ()


def test_a_delivery_that_comes_while_old_ones_are_forgotten_is_kept() -> None:
    kv, repository = InterruptedKeyValue(), Repository("github.com", "a", "b")
    records = DeliveryRecords(kv)
    records.accept(repository, PUSHED)
    later = NOW + KEPT + timedelta(minutes=1)
    new = replace(OPENED, accepted_at=timestamp(later))
    kv.meanwhile = lambda: records.accept(repository, new)
    records.tidy(later)
    assert records.read(keys.delivery_key(repository, SHA)).by_id(new.id) == new


@given(st.binary(max_size=200), st.sampled_from([PUSH, PULL_REQUEST, "star", ""]))
def test_no_body_does_more_than_being_refused(body: bytes, event: str) -> None:
    with pytest.raises((Ignored, InputError)):
        read_delivery(event, body, "digest", NOW)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.fixed_dictionaries(
        {
            "ref": st.sampled_from(["refs/heads/x", "refs/tags/x", "refs/notes/x", "x"]) | json_values,
            "after": st.just(SHA) | json_values,
            "repository": st.fixed_dictionaries(
                {"full_name": st.text(), "pushed_at": st.integers() | st.text() | json_values}
            ),
            "sender": st.fixed_dictionaries({"login": st.text()}) | json_values,
            "head_commit": st.none() | st.fixed_dictionaries({"id": st.just(SHA) | st.text()}),
        }
    )
)
def test_a_push_is_read_ignored_or_refused(value: dict[str, Any]) -> None:
    try:
        delivery = read_delivery(PUSH, json.dumps(value).encode(), "digest", NOW)
    except (Ignored, InputError):
        return
    assert (delivery.sha, delivery.ref) == (SHA, value["ref"])


class Intake:
    """A pipeline on the stand-in, and any number of workers on one store."""

    def __init__(self, github: FakeGitHub) -> None:
        self.github = github
        self.kv = FlakyKeyValue()
        self.store = BuildStore(self.kv)
        self.settings = settings(github_url=github.url, resync_s=0.2)
        self.repository = Repository(github.host, "acme", "shop")
        self.remote = github.add_repository("acme/shop", {".pipeline.yml": PIPELINE_FILE}, robot="push")
        tokens = Tokens(self.store, self.settings)
        self.store.create_pipeline(
            self.repository,
            f"{github.url}/acme/shop.git",
            tokens.sealed(self.repository, github.add_user("robot")),
            tokens.sealed_hook_secret(self.repository, "secret"),
        )
        self.records = DeliveryRecords(self.kv)
        self.workers: list[DeliveryWorker] = []

    def work(self) -> DeliveryWorker:
        source = GitHub(self.github.url, (0.5, 0.5))
        builds = Builds(self.store, source, self.settings)
        pauses = Pauses(Range(0.1, 0.4), Range(0.3, 0.6))
        worker = DeliveryWorker(self.settings, self.kv, self.store, builds, source, source, pauses)
        worker.start()
        self.workers.append(worker)
        return worker

    def take(self, message: github_webhooks.Message) -> None:
        signature = "sha256=" + hmac.new(b"secret", message.body, hashlib.sha256).hexdigest()
        intake = DeliveryIntake(self.settings, self.kv, self.store)
        secret = intake.secret(self.repository, signature)
        assert intake.take(self.repository, secret, message.event, signature, message.body).status == "accepted"

    def push(self, branch: str = "main") -> str:
        sha = self.remote.push({"n": branch}, branch)
        self.take(github_webhooks.push(self.remote, f"refs/heads/{branch}", "ben"))
        return sha

    def builds_of(self, sha: str) -> list[int]:
        return [build.number for build in self.store.builds(self.repository) if build.commit.sha == sha]

    def done(self, sha: str) -> CommitDeliveries:
        key = keys.delivery_key(self.repository, sha)
        wait_for(lambda: self.records.read(key).deliveries and self.records.read(key).open() is None)
        return self.records.read(key)

    def close(self) -> None:
        for worker in self.workers:
            worker.stop()


@pytest.fixture
def intake(github: FakeGitHub) -> Iterator[Intake]:
    intake = Intake(github)
    yield intake
    intake.close()


def test_two_coordinators_make_one_build_of_each_commit(intake: Intake) -> None:
    intake.work()
    intake.work()
    shas = []
    for n in range(8):
        shas.append(intake.push(f"b{n}"))
        intake.take(github_webhooks.pull_request("opened", n, intake.remote, intake.remote, f"b{n}", "ben"))
    for sha in shas:
        intake.done(sha)
        assert len(intake.builds_of(sha)) == 1


@pytest.mark.parametrize("trouble", ["gone", "fails", "forgets the token", "limits"])
def test_a_delivery_is_built_once_github_is_back(intake: Intake, trouble: str) -> None:
    github = intake.github
    users = dict(github.users)
    match trouble:
        case "gone":
            github.stop()
        case "fails":
            github.fail("", 503)
        case "forgets the token":
            github.users.clear()
        case "limits":
            github.limit(2, times=None)
    intake.work()
    sha = intake.push()
    if trouble != "gone":
        wait_for(lambda: github.requests)
    assert intake.builds_of(sha) == []
    github.heal()
    github.users |= users
    if trouble == "gone":
        github.start()
    intake.done(sha)
    assert intake.builds_of(sha) == [1]


def test_a_coordinator_that_dies_after_taking_a_number_leads_to_that_build(intake: Intake) -> None:
    sha = intake.push()
    key = keys.delivery_key(intake.repository, sha)
    number = intake.store.next_number(intake.repository)
    record = intake.records.read(key)
    reserved = replace(record.deliveries[0], build=number)
    dead = record.with_delivery(reserved).held("dead", datetime.now(UTC) - timedelta(minutes=10))
    intake.records.update(key, lambda _: dead)
    intake.work()
    intake.done(sha)
    assert intake.builds_of(sha) == [number]


def test_a_coordinator_that_dies_after_making_the_build_makes_no_second_one(intake: Intake) -> None:
    first = intake.work()
    sha = intake.push()
    done = intake.done(sha)
    first.stop()
    key = keys.delivery_key(intake.repository, sha)
    intake.records.update(key, lambda record: record.with_delivery(replace(done.deliveries[0], done=False)))
    intake.work()
    intake.done(sha)
    assert intake.builds_of(sha) == [1]


def test_while_another_works_on_a_commit_it_is_left_alone(intake: Intake) -> None:
    sha = intake.push()
    key = keys.delivery_key(intake.repository, sha)
    intake.records.update(key, lambda record: record.held("another", datetime.now(UTC)))
    intake.work()
    other = intake.push("other")
    intake.done(other)
    assert intake.builds_of(sha) == []
    intake.records.update(key, lambda record: record.released)
    intake.done(sha)
    assert intake.builds_of(sha) == [2]


def test_a_commit_that_github_does_not_know_yet_is_waited_for(intake: Intake) -> None:
    intake.github.fail("GET /repos/{owner}/{repo}/commits/{ref}", 422, "No commit found", times=2)
    intake.work()
    sha = intake.push()
    intake.done(sha)
    assert intake.builds_of(sha) == [1]
    assert intake.github.statuses(sha) == {}


def test_why_a_commit_cannot_be_built_is_told_once_github_takes_it(intake: Intake) -> None:
    intake.remote.push({".pipeline.yml": "kind: Nonsense"})
    intake.github.fail("POST /repos/{owner}/{repo}/statuses/{sha}", 502)
    intake.work()
    sha = intake.push()
    wait_for(lambda: intake.github.count("POST /repos/{owner}/{repo}/statuses/{sha}"))
    intake.github.heal()
    done = intake.done(sha)
    assert done.deliveries[0].failed
    assert intake.github.statuses(sha)[CONTEXT]["state"] == "error"


def test_the_deliveries_of_a_pipeline_that_is_gone_are_dropped(intake: Intake) -> None:
    sha = intake.push()
    intake.store.delete_pipeline(intake.repository)
    intake.work()
    wait_for(lambda: intake.kv.get(keys.delivery_key(intake.repository, sha)) is None)


def test_an_outage_of_etcd_is_waited_for(intake: Intake) -> None:
    intake.work()
    sha = intake.push()
    intake.kv.down = True
    threading.Timer(0.5, setattr, (intake.kv, "down", False)).start()
    wait_for(lambda: not intake.kv.down)
    intake.done(sha)
    assert intake.builds_of(sha) == [1]


def test_a_coordinator_that_stalls_before_its_claim_makes_no_second_build(github: FakeGitHub) -> None:
    intake = Intake(github)
    sha = intake.push()
    key = keys.delivery_key(intake.repository, sha)

    def worker() -> DeliveryWorker:
        source = GitHub(github.url, (2, 2))
        builds = Builds(intake.store, source, intake.settings)
        return DeliveryWorker(intake.settings, intake.kv, intake.store, builds, source, source)

    fast, slow = worker(), worker()
    lane = slow._tokens.lane

    def stalled(repository: Repository) -> str:
        slow._tokens.lane = lane  # type: ignore[method-assign]
        fast._look_at(key)
        return lane(repository)

    slow._tokens.lane = stalled  # type: ignore[method-assign]
    slow._look_at(key)
    assert len(intake.builds_of(sha)) == 1
