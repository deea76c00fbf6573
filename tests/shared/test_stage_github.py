"""A whole stage and its commit status: with a GitHub that answers, refuses, hangs or is not wanted."""

import time
from dataclasses import replace

import pytest

from shared import keys
from shared.github_status import TAKEN
from shared.stage_status import LIMIT_S
from shared.status import ReportStatus
from tests.fakes.github import STATUSES, FakeGitHub
from tests.shared.stage_harness import StageHarness
from tests.shared.test_github_status import Commit


@pytest.fixture
def commit(github: FakeGitHub, stage: StageHarness) -> Commit:
    commit = Commit(github)
    stage.context = commit.context(stage.context)
    stage.give(keys.GITHUB_TOKEN, commit.token)
    return commit


def test_a_stage_says_on_github_that_it_runs_and_that_it_succeeded(stage: StageHarness, commit: Commit) -> None:
    code, _, _ = stage.run("silent")
    assert (code, stage.report.github) == (0, TAKEN)
    assert commit.said() == [("pending", "running"), ("success", "succeeded")]


def test_a_failure_is_there_with_its_masked_reason(stage: StageHarness, commit: Commit) -> None:
    stage.serve_repository()
    stage.give_secret("creds", "password", b"hunter22")
    stage.context = replace(stage.context, secrets=("creds",))
    stage.run("user_fails", "--clone")
    assert stage.report.github == TAKEN
    assert commit.said()[-1] == ("failure", "the command ended with exit code 7 ***")


def test_a_stage_that_is_told_to_stop_leaves_the_word_to_the_coordinator(stage: StageHarness, commit: Commit) -> None:
    process = stage.start("waits_for_a_file")
    stage.wait_until_working()
    process.terminate()
    process.communicate(timeout=30)
    assert stage.report.status is ReportStatus.INTERRUPTED
    assert commit.said() == [("pending", "running")]  # why, the coordinator knows, and says


def test_a_success_whose_log_was_lost_is_no_success_on_github(stage: StageHarness, commit: Commit) -> None:
    stage.context = replace(stage.context, patience_s=1)
    stage.s3.shut()
    stage.run("prints")
    assert (stage.report.status, stage.report.github) == (ReportStatus.FAIL, TAKEN)
    assert commit.said()[-1][0] == "error"
    assert commit.said()[-1][1].startswith("the work succeeded, but the log is incomplete")


def test_a_refusal_is_in_the_report_and_fails_nothing(stage: StageHarness, commit: Commit) -> None:
    commit.github.fail(STATUSES, 403, "Resource not accessible")
    code, _, _ = stage.run("silent")
    assert (code, stage.report.status) == (0, ReportStatus.SUCCESS)
    assert stage.report.github == "refused: 403 Resource not accessible"


def test_a_github_that_hangs_costs_a_stage_three_seconds_at_most(stage: StageHarness, commit: Commit) -> None:
    commit.github.hang(STATUSES)
    begun = time.monotonic()
    code, _, _ = stage.run("silent")
    assert (code, stage.report.status) == (0, ReportStatus.SUCCESS)
    assert stage.report.github.startswith("refused: GitHub")
    finished = stage.report.timings["archived"]
    assert time.monotonic() - begun < finished + LIMIT_S + 2


def test_without_a_token_github_is_not_asked(stage: StageHarness, commit: Commit) -> None:
    stage.give(keys.GITHUB_TOKEN, "")
    stage.run("silent")
    assert (stage.report.github, commit.github.requests) == ("", [])


def test_an_attempt_of_another_pod_says_nothing(stage: StageHarness, commit: Commit) -> None:
    stage.run("silent")
    stage.run("user_fails")
    assert commit.said() == [("pending", "running"), ("success", "succeeded")]


def test_the_token_is_in_no_log_and_no_report(stage: StageHarness, commit: Commit) -> None:
    _, stdout, _ = stage.run("shows_everything_it_was_given")
    assert commit.token.encode() not in stdout
    assert commit.token not in str(stage.raw_report)
