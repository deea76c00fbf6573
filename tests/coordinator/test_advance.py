"""The state machine, one step at a time."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import pytest

from coordinator.advance import (
    TAKEOVER_S,
    Cancel,
    Discard,
    Forget,
    Launch,
    Observation,
    Release,
    Step,
    advance,
    startable,
    with_launched,
    with_refused,
)
from coordinator.verdict import Limits
from shared.clock import timestamp
from shared.model import Build, StageSpec
from shared.ports import JobPhase, JobState
from shared.stage_contract import StageReport
from shared.status import Fault, ReportStatus, Status
from tests.coordinator.samples import (
    BUILD,
    IMAGE,
    NOW,
    PUBLISH,
    TEST,
    build,
    job,
    report,
    seconds_later,
    succeeded,
    with_attempt,
)

SUCCESS = report(ReportStatus.SUCCESS, result={"image": IMAGE})
BROKEN = report(ReportStatus.FAIL, fault=Fault.INFRASTRUCTURE, reason="no disk", exit_code=3)


def step(
    made: Build,
    reports: Mapping[tuple[str, int], StageReport] | None = None,
    *jobs: JobState,
    now: datetime = NOW,
) -> Step:
    return advance(made, Observation(reports or {}, {each.ref.name: each for each in jobs}, now), Limits())


def statuses(made: Build) -> list[Status]:
    return [stage.status for stage in made.stages]


def test_a_new_build_launches_its_first_stage_only() -> None:
    first = step(build())
    assert first.actions == (Launch("build", 1),)
    assert [len(stage.attempts) for stage in first.build.stages] == [1, 0]
    assert first.build.stages[0].attempts[0].created_at == timestamp(NOW)


def test_a_stage_that_was_not_asked_for_is_passed_over() -> None:
    made = build()
    skipped = replace(made, stages=(replace(made.stages[0], skipped="not asked for"), made.stages[1]))
    assert step(skipped).actions == (Launch("unit-test", 1),)


def test_a_launch_is_repeated_until_its_job_is_seen_or_noted() -> None:
    first, later = step(build()).build, seconds_later(TAKEOVER_S)
    assert step(first, now=later).actions == (Launch("build", 1),)
    assert step(with_launched(first, "build", 1, timestamp(NOW)), now=later).actions == ()
    assert step(first, None, job(first, "build", phase=JobPhase.WAITING), now=later).actions == ()


def test_a_launch_is_left_for_a_moment_to_whoever_decided_on_it() -> None:
    first = step(build()).build
    waiting = step(first, now=seconds_later(TAKEOVER_S / 2))
    assert (waiting.actions, waiting.look_again) == ((), True)
    by_another_clock = step(first, now=seconds_later(-60))
    assert by_another_clock.actions == (Launch("build", 1),)


def test_a_success_launches_the_next_stage_in_the_same_step() -> None:
    running = with_attempt(build(), "build", status=Status.RUNNING)
    after = step(running, {("build", 1): SUCCESS}, now=seconds_later(2))
    assert statuses(after.build) == [Status.SUCCESS, Status.PENDING]
    assert after.actions == (Launch("unit-test", 1),)
    assert not after.build.finished


def test_the_last_success_finishes_the_build() -> None:
    running = with_attempt(succeeded(build(), "build"), "unit-test", status=Status.RUNNING)
    after = step(running, {("unit-test", 1): SUCCESS}, now=seconds_later(2)).build
    assert (after.status, after.finished_at, after.reason) == (Status.SUCCESS, timestamp(seconds_later(2)), "")


def test_a_failure_skips_the_rest_and_finishes_the_build_with_its_reason() -> None:
    running = with_attempt(build(BUILD, TEST, PUBLISH), "build", status=Status.RUNNING)
    broken = report(ReportStatus.FAIL, fault=Fault.USER, reason="step 3 failed", exit_code=1)
    after = step(running, {("build", 1): broken}, now=seconds_later(2))
    assert statuses(after.build) == [Status.FAIL, Status.SKIPPED, Status.SKIPPED]
    assert after.build.stages[2].skipped == "'Build' failed"
    assert (after.build.status, after.build.reason) == (Status.FAIL, "Build: step 3 failed")
    assert after.build.finished
    assert after.actions == (Release(),)


def test_what_the_infrastructure_broke_before_work_began_is_tried_three_times() -> None:
    made = step(build()).build
    for number in (1, 2):
        made = with_launched(made, "build", number, timestamp(NOW))
        after = step(made, {("build", n): BROKEN for n in range(1, number + 1)})
        assert after.actions == (Launch("build", number + 1),)
        made = after.build
    last = step(made, {("build", n): BROKEN for n in (1, 2, 3)})
    assert last.build.status is Status.FAIL
    assert [attempt.status for attempt in last.build.stages[0].attempts] == [Status.FAIL] * 3


def test_a_publish_is_never_tried_again() -> None:
    made = with_attempt(succeeded(build(BUILD, PUBLISH), "build"), "publish")
    after = step(made, {("publish", 1): BROKEN})
    assert (after.build.status, len(after.build.stages[1].attempts)) == (Status.FAIL, 1)


def test_nothing_is_tried_again_once_a_cancel_was_asked_for() -> None:
    made = replace(with_attempt(build(), "build"), cancel_requested="cancelled by ann")
    after = step(made, {("build", 1): BROKEN})
    assert statuses(after.build) == [Status.CANCELLED, Status.CANCELLED]
    assert len(after.build.stages[0].attempts) == 1


def test_a_cancel_ends_what_has_no_job_and_stops_what_has() -> None:
    running = with_attempt(build(), "build", status=Status.RUNNING)
    made = replace(running, cancel_requested="cancelled by ann")
    there = job(made, "build")
    after = step(made, None, there)
    assert statuses(after.build) == [Status.RUNNING, Status.CANCELLED]
    assert after.actions == (Cancel(there.ref),)
    assert after.look_again
    assert not after.build.finished
    interrupted = report(ReportStatus.INTERRUPTED)
    ended = step(after.build, {("build", 1): interrupted}, there, now=seconds_later(3)).build
    assert (ended.status, ended.reason, ended.finished) == (Status.CANCELLED, "cancelled by ann", True)


def test_a_cancel_before_the_first_step_finishes_the_build_at_once() -> None:
    after = step(build(cancel_requested="cancelled"))
    assert (statuses(after.build), after.build.finished) == ([Status.CANCELLED] * 2, True)
    assert after.actions == (Release(),)


def test_a_builds_secret_is_kept_while_a_job_of_it_runs() -> None:
    running = with_attempt(succeeded(build(), "build"), "unit-test", status=Status.RUNNING)
    words = {("unit-test", 1): SUCCESS}
    after = step(running, words, job(running, "unit-test"), now=seconds_later(2))
    assert after.build.finished
    assert Release() not in after.actions
    later = step(after.build, words, job(running, "unit-test", phase=JobPhase.FINISHED), now=seconds_later(3))
    assert Release() in later.actions


def test_a_cancel_that_came_too_late_leaves_a_success_without_a_reason() -> None:
    running = with_attempt(succeeded(build(), "build"), "unit-test", status=Status.RUNNING)
    after = step(replace(running, cancel_requested="cancelled"), {("unit-test", 1): SUCCESS}).build
    assert (after.status, after.reason) == (Status.SUCCESS, "")


def test_a_job_that_appears_after_its_attempt_was_cancelled_is_stopped() -> None:
    after = step(replace(step(build()).build, cancel_requested="cancelled")).build
    assert after.finished
    late = job(after, "build", phase=JobPhase.WAITING)
    assert step(after, None, late).actions == (Cancel(late.ref),)


def test_jobs_that_are_over_are_discarded_and_those_that_are_gone_forgotten() -> None:
    made = succeeded(build(), "build")
    done = job(made, "build", phase=JobPhase.FINISHED)
    assert Discard(done.ref) in step(made, None, done).actions
    gone = replace(done, phase=JobPhase.GONE)
    assert Forget(gone.ref) in step(made, None, gone).actions


def test_a_job_that_nobody_asked_for_is_stopped() -> None:
    stray = job(build(), "build", number=9)
    assert Cancel(stray.ref) in step(build(), None, stray).actions


def test_a_stage_that_has_reported_its_end_may_leave_by_itself_for_a_while() -> None:
    made = succeeded(build(), "build")
    there = job(made, "build")
    reports = {("build", 1): SUCCESS}
    assert Cancel(there.ref) not in step(made, reports, there, now=seconds_later(20)).actions
    assert Cancel(there.ref) in step(made, reports, there, now=seconds_later(31)).actions


def test_a_finished_build_changes_no_more() -> None:
    made = step(build(cancel_requested="cancelled")).build
    assert step(made, {("build", 1): SUCCESS}, job(made, "build"), now=seconds_later(9)).build == made


def test_an_attempt_that_was_refused_fails_for_its_input_and_ends_the_build() -> None:
    refused = with_refused(step(build()).build, "build", 1, "too large", seconds_later(1))
    attempt = refused.stages[0].attempts[0]
    assert (attempt.status, attempt.fault, attempt.reason) == (Status.FAIL, Fault.INPUT, "cannot be started: too large")
    assert (step(refused).build.status, step(refused).build.finished) == (Status.FAIL, True)


def test_noting_a_launch_keeps_the_first_time_and_clears_what_was_waited_for() -> None:
    held = with_launched(step(build()).build, "build", 1, waiting_for="the engine is down")
    assert held.stages[0].attempts[0].waiting_for == "the engine is down"
    launched = with_launched(held, "build", 1, timestamp(NOW))
    again = with_launched(launched, "build", 1, timestamp(seconds_later(5)))
    assert again == launched
    assert (launched.stages[0].attempts[0].launched_at, launched.stages[0].attempts[0].waiting_for) == (
        timestamp(NOW),
        "",
    )


def test_an_attempt_that_has_ended_is_not_noted_or_refused() -> None:
    made = succeeded(build(), "build")
    assert with_launched(made, "build", 1, timestamp(seconds_later(9)), "x") == made
    assert with_refused(made, "build", 1, "x", NOW) == made


@pytest.mark.parametrize(
    ("specs", "done", "expected"),
    [((BUILD, TEST), (), ["build"]), ((BUILD, TEST), ("build",), ["unit-test"]), ((BUILD,), ("build",), [])],
)
def test_startable_are_the_first_stages_that_were_never_tried(
    specs: tuple[StageSpec, ...], done: tuple[str, ...], expected: list[str]
) -> None:
    made = build(*specs)
    for stage_id in done:
        made = succeeded(made, stage_id)
    assert [stage.id for stage in startable(made)] == expected
