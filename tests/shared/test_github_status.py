"""What ends are on GitHub, and how a stage says so, against the stand-in that GitHub's own description judges."""

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.github_status import (
    MAX_DESCRIPTION,
    RUNNING,
    TAKEN,
    CommitStatus,
    State,
    of_status,
    stage_context,
)
from shared.stage_contract import StageContext
from shared.stage_status import LIMIT_S, StageStatus
from shared.status import Fault, Status
from tests.fakes.github import STATUSES, FakeGitHub

DONE = CommitStatus(State.SUCCESS, "succeeded")
CONTEXT = stage_context("unit-test")


@pytest.mark.parametrize(
    ("status", "fault", "reason", "state", "description"),
    [
        (Status.SUCCESS, None, "", State.SUCCESS, "succeeded"),
        (Status.FAIL, Fault.USER, "exit code 1", State.FAILURE, "exit code 1"),
        (Status.FAIL, Fault.INPUT, "no Dockerfile", State.FAILURE, "no Dockerfile"),
        (Status.FAIL, Fault.INFRASTRUCTURE, "S3 is down", State.ERROR, "S3 is down"),
        (Status.FAIL, None, "", State.ERROR, "failed"),
        (Status.CANCELLED, None, "cancelled by ann", State.ERROR, "cancelled by ann"),
        (Status.CANCELLED, None, "", State.ERROR, "cancelled"),
        (Status.SKIPPED, None, "'Build' failed", State.ERROR, "skipped: 'Build' failed"),
        (Status.PENDING, None, "", State.PENDING, "running"),
        (Status.RUNNING, None, "", State.PENDING, "running"),
    ],
)
def test_every_status_has_a_state_and_says_why(
    status: Status, fault: Fault | None, reason: str, state: State, description: str
) -> None:
    assert of_status(status, fault, reason) == CommitStatus(state, description)


@given(st.text(), st.sampled_from(list(Fault)))
def test_a_description_is_one_line_that_github_takes(reason: str, fault: Fault) -> None:
    description = of_status(Status.FAIL, fault, reason).description
    assert len(description) <= MAX_DESCRIPTION
    assert len(description.splitlines()) <= 1


class Commit:
    """A commit on the stand-in, and the context of a stage that reports on it."""

    def __init__(self, github: FakeGitHub) -> None:
        self.github = github
        self.token = github.add_user("robot")
        repository = github.add_repository("acme/shop", {"a": "b"}, robot="push")
        self.sha = repository.sha("refs/heads/main")
        self.url = f"{github.api_url}/repos/acme/shop/statuses/{self.sha}"

    def context(self, context: StageContext) -> StageContext:
        return replace(context, status_url=self.url, status_context=CONTEXT, build_url="http://kontinuous/builds/1")

    def said(self) -> list[tuple[str, str]]:
        return [(each["state"], each["description"]) for each in self.github.history(self.sha, CONTEXT)]


@pytest.fixture
def commit(github: FakeGitHub) -> Commit:
    return Commit(github)


def status_of(commit: Commit, token: str | None = None) -> StageStatus:
    blank = StageContext(
        1, "", "", 1, "", "", "", 1, "", "", "", "", "", {}, (), (), "", "", "", "", "", "", "", "", "", "", ""
    )
    return StageStatus(commit.context(blank), commit.token if token is None else token)


def test_statuses_are_sent_in_order_over_one_connection(commit: Commit) -> None:
    status = status_of(commit)
    status.say(RUNNING)
    status.say(DONE)
    assert status.answer() == TAKEN
    assert commit.said() == [("pending", "running"), ("success", "succeeded")]
    assert commit.github.history(commit.sha)[0]["target_url"] == "http://kontinuous/builds/1"
    assert commit.github.connections == 1


def test_without_a_token_nothing_is_said(commit: Commit) -> None:
    status = status_of(commit, token="")
    status.say(DONE)
    assert status.answer() == ""
    assert commit.github.requests == []


def test_a_refusal_says_why(commit: Commit) -> None:
    commit.github.fail(STATUSES, 422, "This SHA and context has reached the maximum number of statuses.", times=1)
    status = status_of(commit)
    status.say(RUNNING)
    assert (
        status.answer()
        == "refused: 422 Validation Failed: This SHA and context has reached the maximum number of statuses."
    )
    status.say(DONE)
    assert status.answer() == TAKEN
    unknown = status_of(commit, "ghp_secret")
    unknown.say(DONE)
    assert unknown.answer() == "refused: 401 Bad credentials"


def test_a_connection_that_github_has_closed_is_made_anew(commit: Commit) -> None:
    status = status_of(commit)
    status.say(RUNNING)
    assert status.answer() == TAKEN
    commit.github.stop()
    commit.github.start()
    status.say(DONE)
    assert status.answer() == TAKEN


def test_a_github_that_is_gone_is_a_refusal_at_once(commit: Commit) -> None:
    commit.github.stop()
    status = status_of(commit)
    begun = time.monotonic()
    status.say(DONE)
    assert status.answer().startswith("refused: GitHub cannot be reached: ConnectionRefusedError")
    assert time.monotonic() - begun < LIMIT_S


def test_a_github_that_hangs_holds_up_no_longer_than_the_limit(commit: Commit) -> None:
    commit.github.hang(STATUSES)
    status = status_of(commit)
    begun = time.monotonic()
    status.say(RUNNING)
    assert time.monotonic() - begun < 0.5
    status.say(DONE)
    assert status.answer().startswith("refused: GitHub")
    assert time.monotonic() - begun < LIMIT_S + 1
