"""Commit statuses from the outbox to the stand-in for GitHub: once each, in the end always the truth."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from coordinator.build_feed import BuildFeed
from coordinator.commit_records import CommitRecords
from coordinator.github import GitHub
from coordinator.outbox_worker import TOGETHER_S
from coordinator.pauses import Pauses, Range
from coordinator.status_worker import StatusWorker
from coordinator.statuses import CommitRecord
from coordinator.store import BuildStore
from coordinator.tokens import Tokens
from shared import keys
from shared.clock import timestamp, utc_now
from shared.github_status import CONTEXT, TAKEN
from shared.model import Build, Commit, Repository
from shared.status import Fault, Status
from tests.coordinator.samples import build, settings, with_attempt
from tests.coordinator.world import FlakyKeyValue
from tests.fakes.github import STATUSES, FakeGitHub
from tests.waiting import wait_for

LINK = "http://127.0.0.1:3005/builds"
STARTED = "2026-01-31T12:00:01.000Z"


class Outbox:
    """A pipeline on the stand-in, and any number of workers on one store."""

    def __init__(self, github: FakeGitHub) -> None:
        self.github = github
        self.kv = FlakyKeyValue()
        self.store = BuildStore(self.kv)
        self.settings = settings(github_url=github.url, resync_s=0.2)
        self.repository = Repository(github.host, "acme", "shop")
        self.remote = github.add_repository("acme/shop", {"a": "b"}, robot="push")
        self.sha = self.remote.sha("refs/heads/main")
        sealed = Tokens(self.store, self.settings).sealed(self.repository, github.add_user("robot"))
        self.store.create_pipeline(self.repository, f"{github.url}/acme/shop.git", sealed)
        self.running: list[StatusWorker | BuildFeed] = []

    def work(self) -> StatusWorker:
        pauses = Pauses(Range(0.1, 0.4), Range(0.3, 0.6))
        feed = BuildFeed(self.kv)
        worker = StatusWorker(self.settings, self.kv, feed, GitHub(self.github.url, (0.5, 0.5)), pauses)
        feed.start()
        worker.start()
        self.running += [worker, feed]
        return worker

    def start(self, sha: str = "") -> Build:
        made = build(repository=self.repository, commit=Commit(sha or self.sha, "refs/heads/main"))
        return self.store.create_build(self.repository, lambda number: replace(made, number=number))

    def finish(self, made: Build, github: str = TAKEN) -> None:
        def end(now: Build) -> Build:
            for stage in now.stages:
                now = with_attempt(now, stage.id, status=Status.SUCCESS, github=github, started_at=STARTED)
            return replace(now, finished_at=timestamp())

        self.store.update_build(made.repository, made.number, end)

    def fail(self, made: Build) -> None:
        def end(now: Build) -> Build:
            now = with_attempt(now, "build", status=Status.FAIL, fault=Fault.USER, reason="exit code 1", github="")
            stages = (now.stages[0], replace(now.stages[1], skipped="'Build' failed"))
            return replace(now, stages=stages, finished_at=timestamp(), reason="Build: exit code 1")

        self.store.update_build(made.repository, made.number, end)

    def states(self, sha: str = "") -> dict[str, str]:
        return {context: each["state"] for context, each in self.github.statuses(sha or self.sha).items()}

    def wait(self, sha: str = "", **states: str) -> None:
        wanted = {context.replace("_", "/", 1).replace("_", "-"): state for context, state in states.items()}
        wait_for(lambda: self.states(sha) == wanted)

    def settled(self, made: Build) -> None:
        records = CommitRecords(self.kv)
        wait_for(lambda: str(made.number) in records.read(made).record.settled)

    def close(self) -> None:
        for each in self.running:
            each.stop()


@pytest.fixture
def outbox(github: FakeGitHub) -> Iterator[Outbox]:
    outbox = Outbox(github)
    yield outbox
    outbox.close()


def test_a_build_is_pending_and_then_a_success_and_each_is_posted_once(outbox: Outbox) -> None:
    outbox.work()
    made = outbox.start()
    outbox.wait(kontinuous="pending")
    outbox.finish(made)
    outbox.wait(kontinuous="success")
    outbox.settled(made)
    posted = [(each["state"], each["description"], each["target_url"]) for each in outbox.github.history(outbox.sha)]
    link = f"{LINK}/{outbox.repository}/1"
    assert posted == [("pending", "running", link), ("success", "succeeded", link)]


def test_what_stages_could_not_say_is_said_for_them(outbox: Outbox) -> None:
    outbox.work()
    outbox.fail(outbox.start())
    outbox.wait(kontinuous="failure", kontinuous_build="failure", kontinuous_unit_test="error")
    shown = outbox.github.statuses(outbox.sha)
    assert shown[CONTEXT]["description"] == "Build: exit code 1"
    assert shown[f"{CONTEXT}/unit-test"]["description"] == "skipped: 'Build' failed"


def test_two_coordinators_post_each_status_once(outbox: Outbox) -> None:
    outbox.work()
    outbox.work()
    shas = [outbox.remote.push({"n": str(n)}) for n in range(8)]
    made = [outbox.start(sha) for sha in shas]
    for sha in shas:
        outbox.wait(sha, kontinuous="pending")
    for each in made:
        outbox.finish(each, github="refused: 502")
    for each, sha in zip(made, shas, strict=True):
        outbox.wait(sha, kontinuous="success", kontinuous_build="success", kontinuous_unit_test="success")
        outbox.settled(each)
    assert outbox.github.count(STATUSES) == 8 * 4


@pytest.mark.parametrize("trouble", ["gone", "hangs", "fails", "refuses", "limits", "forgets the token"])
def test_statuses_converge_after(outbox: Outbox, trouble: str) -> None:
    github = outbox.github
    users = dict(github.users)
    match trouble:
        case "gone":
            github.stop()
        case "hangs":
            github.hang(STATUSES)
        case "fails":
            github.fail(STATUSES, 502)
        case "refuses":
            github.fail(STATUSES, 403, "Resource not accessible")
        case "limits":
            github.limit(2, STATUSES, times=None)
        case "forgets the token":
            github.users.clear()
    outbox.work()
    one, other = outbox.start(), outbox.start(outbox.remote.push({"c": "d"}))
    outbox.finish(one)
    outbox.fail(other)
    if trouble != "gone":
        wait_for(lambda: github.requests)
    assert outbox.states() == {}
    github.heal()
    github.users |= users
    if trouble == "gone":
        github.start()
    outbox.wait(kontinuous="success")
    outbox.wait(other.commit.sha, kontinuous="failure", kontinuous_build="failure", kontinuous_unit_test="error")


def test_while_a_limit_lasts_github_is_left_alone(outbox: Outbox) -> None:
    outbox.github.limit(4, STATUSES)
    outbox.work()
    for n in range(5):
        outbox.start(outbox.remote.push({"n": str(n)}))
    wait_for(lambda: outbox.github.count(STATUSES) == 6, limit_s=30)
    first, second = (seen.at for seen in outbox.github.requests[:2])
    assert second - first > 2


def test_what_github_will_never_take_is_not_asked_again(outbox: Outbox) -> None:
    outbox.github.fail(STATUSES, 422, "This SHA and context has reached the maximum number of statuses.", times=1)
    outbox.work()
    made = outbox.start()
    wait_for(lambda: outbox.github.count(STATUSES) == 1)
    outbox.finish(made)
    outbox.settled(made)
    assert outbox.github.count(STATUSES) == 2  # the success is another one


def test_the_newest_build_of_a_commit_wins(outbox: Outbox) -> None:
    outbox.work()
    older, newer = outbox.start(), outbox.start()
    outbox.fail(newer)
    outbox.wait(kontinuous="failure", kontinuous_build="failure", kontinuous_unit_test="error")
    outbox.finish(older, github=TAKEN)
    outbox.settled(older)
    assert set(outbox.states().values()) == {"failure", "error"}
    assert outbox.github.history(outbox.sha)[-1]["target_url"].endswith(f"/builds/{outbox.repository}/{newer.number}")


def test_a_claim_is_respected_until_it_is_too_old(outbox: Outbox) -> None:
    records = CommitRecords(outbox.kv)
    made = outbox.start()
    soon = timestamp(utc_now() + timedelta(seconds=1.5))
    records.write(records.read(made), CommitRecord(holder="another", held_until=soon, posting=CONTEXT))
    outbox.work()
    outbox.wait(kontinuous="pending")
    assert timestamp() > soon


def test_what_was_settled_is_not_looked_at_by_a_coordinator_that_starts(outbox: Outbox) -> None:
    first = outbox.work()
    made = outbox.start()
    outbox.finish(made)
    outbox.settled(made)
    first.stop()
    asked: list[str] = []
    get = outbox.kv.get
    outbox.kv.get = lambda key: asked.append(key) or get(key)  # type: ignore[method-assign,func-returns-value]
    outbox.work()
    other = outbox.start(outbox.remote.push({"c": "d"}))
    outbox.wait(other.commit.sha, kontinuous="pending")
    assert keys.build_key(made.repository, made.number) not in asked


def test_an_outage_of_etcd_is_waited_for(outbox: Outbox) -> None:
    outbox.work()
    made = outbox.start()
    outbox.wait(kontinuous="pending")
    outbox.kv.down = True
    threading.Timer(0.5, setattr, (outbox.kv, "down", False)).start()
    wait_for(lambda: not outbox.kv.down)
    outbox.finish(made)
    outbox.wait(kontinuous="success")


def test_a_build_that_is_removed_takes_its_record_along(outbox: Outbox) -> None:
    outbox.work()
    made, newer = outbox.start(), outbox.start()
    for each in (made, newer):
        outbox.finish(each)
        outbox.settled(each)
    outbox.store.delete_build(made)
    assert outbox.kv.list(keys.COMMITS) != ()
    outbox.store.delete_build(newer)
    assert outbox.kv.list(keys.COMMITS) == ()


def test_builds_of_local_folders_are_none_of_githubs(outbox: Outbox) -> None:
    outbox.work()
    local = build()
    outbox.store.create_pipeline(local.repository, "http://git/hello.git")
    outbox.store.create_build(local.repository, lambda number: replace(local, number=number))
    outbox.start()
    outbox.wait(kontinuous="pending")
    assert {seen.path for seen in outbox.github.requests} == {f"/repos/acme/shop/statuses/{outbox.sha}"}


def test_a_change_that_says_nothing_new_to_github_is_passed_over(outbox: Outbox) -> None:
    outbox.work()
    made = outbox.start()
    outbox.wait(kontinuous="pending")
    key = keys.commit_key(outbox.repository, outbox.sha)
    wait_for(lambda: (entry := outbox.kv.get(key)) and b'"holder":""' in entry.value)
    outbox.kv.reads.clear()
    for number in range(5):
        waits = f"for {number}"
        outbox.store.update_build(made.repository, 1, lambda now, w=waits: with_attempt(now, "build", waiting_for=w))
        time.sleep(2 * TOGETHER_S)  # nothing tells that a look has found nothing to say
    assert key not in outbox.kv.reads
    outbox.finish(made)
    outbox.wait(kontinuous="success")


def test_an_old_view_of_a_build_posts_nothing_over_its_end(github: FakeGitHub) -> None:
    outbox = Outbox(github)
    made = outbox.start()
    key = keys.build_key(made.repository, made.number)
    feed = BuildFeed(outbox.kv)
    lagging = StatusWorker(outbox.settings, outbox.kv, feed, GitHub(github.url, (1, 1)))
    feed.builds.build_at(key)  # as its watch has shown it last: running
    outbox.work()
    outbox.wait(kontinuous="pending")
    outbox.finish(made)
    outbox.wait(kontinuous="success")
    outbox.settled(made)
    lagging._look_at(key)
    assert [each["state"] for each in github.history(outbox.sha) if each["context"] == CONTEXT] == [
        "pending",
        "success",
    ]
    outbox.close()
