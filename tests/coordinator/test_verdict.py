"""What becomes of one attempt: its report and its Job, weighed against each other."""

from dataclasses import replace
from typing import Any

import pytest

from coordinator.verdict import Limits, Sight, Verdict, judge
from shared.clock import timestamp
from shared.model import Attempt, StageSpec
from shared.ports import ContainerEnd, JobPhase, JobRef, JobState
from shared.stage_contract import StageReport
from shared.status import Fault, ReportStatus, Status
from tests.coordinator.samples import BUILD, NOW, TEST, report, seconds_later

PENDING = Attempt(1, "job-1", created_at=timestamp(NOW))
LAUNCHED = replace(PENDING, launched_at=timestamp(NOW))
RUNNING = replace(LAUNCHED, status=Status.RUNNING, started_at=timestamp(NOW))
JOB = JobState(JobRef("acaleph", "job-1"), "build", JobPhase.RUNNING)
DONE = {"stage": ContainerEnd(0, "Completed")}
LIMITS = Limits(waiting_s=300, vanish_s=15, explain_s=10)


def judged(
    attempt: Attempt = RUNNING,
    report: StageReport | None = None,
    job: JobState | None = JOB,
    after_s: float = 5.0,
    listed_after_s: float | None = None,
    cancelling: bool = False,
    spec: StageSpec = TEST,
) -> Verdict:
    listed_at = None if listed_after_s is None else seconds_later(listed_after_s)
    return judge(spec, attempt, Sight(report, job, listed_at, cancelling, seconds_later(after_s)), LIMITS)


def in_phase(phase: JobPhase, **changes: Any) -> JobState:
    return replace(JOB, phase=phase, **changes)


def failed(fault: Fault = Fault.USER, **changes: Any) -> StageReport:
    return report(ReportStatus.FAIL, fault=fault, reason="it broke", **changes)


def test_a_successful_report_is_believed_whatever_became_of_the_job() -> None:
    said = report(ReportStatus.SUCCESS, result={"image": "x"}, exit_code=0, log_bytes=9, warnings=("w",))
    for job in (JOB, None, in_phase(JobPhase.GONE), in_phase(JobPhase.FINISHED, reason="OOMKilled")):
        attempt = judged(report=said, job=job).attempt
        assert (attempt.status, attempt.result, attempt.exit_code) == (Status.SUCCESS, {"image": "x"}, 0)
        assert (attempt.log_bytes, attempt.warnings, attempt.finished_at) == (9, ("w",), said.finished_at)


def test_a_running_report_makes_the_attempt_running() -> None:
    said = report(ReportStatus.RUNNING, timings={"start": 0.1})
    verdict = judged(replace(LAUNCHED, waiting_for="an image"), said)
    assert verdict.attempt.status is Status.RUNNING
    assert (verdict.attempt.started_at, verdict.attempt.waiting_for) == (said.started_at, "")
    assert verdict.attempt.timings == {"start": 0.1}
    assert not verdict.wait


def test_a_report_of_an_attempt_that_is_not_known_as_launched_says_that_it_was() -> None:
    assert judged(PENDING, report(ReportStatus.RUNNING), job=None).attempt.launched_at == timestamp(seconds_later(0.5))
    nameless = report(ReportStatus.RUNNING, started_at="")
    assert judged(PENDING, nameless, job=None).attempt.launched_at == timestamp(seconds_later(5))


def test_a_job_that_is_there_was_launched() -> None:
    attempt = judged(PENDING).attempt
    assert (attempt.launched_at, attempt.status) == (timestamp(seconds_later(5)), Status.PENDING)


def test_a_users_failure_is_a_failure_at_once_and_not_tried_again() -> None:
    verdict = judged(report=failed(exit_code=7))
    assert verdict.attempt.status is Status.FAIL
    assert (verdict.attempt.fault, verdict.attempt.reason, verdict.attempt.exit_code) == (Fault.USER, "it broke", 7)
    assert not verdict.may_retry


@pytest.mark.parametrize(("work_began", "may_retry"), [(False, True), (True, False)])
def test_an_infrastructure_failure_may_be_tried_again_before_work_began(work_began: bool, may_retry: bool) -> None:
    verdict = judged(report=failed(Fault.INFRASTRUCTURE, work_began=work_began, exit_code=3), spec=BUILD)
    assert (verdict.attempt.status, verdict.attempt.fault) == (Status.FAIL, Fault.INFRASTRUCTURE)
    assert verdict.may_retry is may_retry


def test_a_failure_without_fault_or_reason_gets_both() -> None:
    attempt = judged(report=report(ReportStatus.FAIL)).attempt
    assert (attempt.fault, attempt.reason) == (Fault.INFRASTRUCTURE, "the stage gives no reason")


def test_a_killed_command_is_explained_by_its_container() -> None:
    killed = failed(exit_code=137, work_began=True)
    limits = {"limits": {"memory": "64Mi"}}
    oom = replace(JOB, ends={"user": ContainerEnd(137, "OOMKilled")})
    verdict = judged(report=killed, job=oom, spec=replace(TEST, resources=limits))
    assert verdict.attempt.fault is Fault.USER
    assert "ran out of memory (the limit is 64Mi)" in verdict.attempt.reason
    plain = judged(report=killed, job=replace(JOB, ends={"user": ContainerEnd(137, "Error")}))
    assert plain.attempt.reason == "it broke"


def test_a_killed_command_is_waited_for_until_its_container_ends_but_not_for_long() -> None:
    killed = failed(exit_code=137, work_began=True)
    waiting = judged(report=killed, after_s=5)
    assert (waiting.attempt.status, waiting.attempt.finished_at, waiting.wait) == (Status.RUNNING, "", True)
    assert judged(waiting.attempt, killed, after_s=12).attempt.status is Status.FAIL


def test_a_command_that_left_no_exit_code_is_explained_by_its_container() -> None:
    lost = failed(Fault.INFRASTRUCTURE, work_began=True)
    assert judged(report=lost).wait
    oom = replace(JOB, ends={"user": ContainerEnd(137, "OOMKilled")})
    assert judged(report=lost, job=oom).attempt.fault is Fault.USER


def test_a_report_from_the_future_is_not_waited_for_and_ends_now() -> None:
    killed = failed(exit_code=137, work_began=True, finished_at="2999-01-01T00:00:00.000Z")
    attempt = judged(report=killed).attempt
    assert (attempt.status, attempt.finished_at) == (Status.FAIL, timestamp(seconds_later(5)))


def test_an_attempt_has_an_end_also_where_its_report_has_none() -> None:
    attempt = judged(report=report(ReportStatus.SUCCESS, finished_at="")).attempt
    assert attempt.finished_at == timestamp(seconds_later(5))


def test_an_interrupted_stage_is_cancelled_where_a_cancel_was_asked_for() -> None:
    attempt = judged(report=report(ReportStatus.INTERRUPTED), cancelling=True).attempt
    assert (attempt.status, attempt.reason, attempt.fault) == (Status.CANCELLED, "cancelled", None)


@pytest.mark.parametrize("exit_code", [137, 143])
def test_a_command_that_a_cancel_killed_is_cancelled(exit_code: int) -> None:
    assert judged(report=failed(exit_code=exit_code), cancelling=True).attempt.status is Status.CANCELLED


def test_a_users_own_failure_stays_one_while_a_cancel_is_on_its_way() -> None:
    assert judged(report=failed(exit_code=1), cancelling=True).attempt.status is Status.FAIL


def test_a_command_whose_container_is_gone_for_good_is_explained_by_its_job() -> None:
    lost = failed(Fault.INFRASTRUCTURE, work_began=True)
    job = replace(JOB, reason="ContainerRemoved", message="somebody removed it", permanent=True)
    verdict = judged(report=lost, job=job)
    assert (verdict.attempt.status, verdict.wait, verdict.may_retry) == (Status.FAIL, False, False)
    assert verdict.attempt.reason == "ContainerRemoved: somebody removed it"


def test_an_interrupted_stage_is_explained_by_its_job() -> None:
    said = report(ReportStatus.INTERRUPTED)
    late = judged(report=said, job=replace(JOB, reason="DeadlineExceeded"), spec=replace(TEST, timeout_s=60))
    assert late.attempt.fault is Fault.USER
    assert "longer than its timeout of 60 s" in late.attempt.reason
    evicted = judged(report=said, job=replace(JOB, reason="Evicted", message="the node is full"))
    assert (evicted.attempt.reason, evicted.may_retry) == ("Evicted: the node is full", True)
    assert judged(report=said).wait
    assert "from outside kontinuous" in judged(report=said, after_s=12).attempt.reason


def test_a_job_that_ended_without_a_report_is_a_failure_that_may_be_tried_again() -> None:
    verdict = judged(LAUNCHED, job=in_phase(JobPhase.FINISHED, ends=DONE))
    assert (verdict.attempt.status, verdict.attempt.fault) == (Status.FAIL, Fault.INFRASTRUCTURE)
    assert "stage: Completed (exit 0)" in verdict.attempt.reason
    assert verdict.may_retry


def test_a_job_whose_stage_died_after_it_began_is_not_tried_again() -> None:
    verdict = judged(report=report(ReportStatus.RUNNING), job=in_phase(JobPhase.RUNNING, ends=DONE))
    assert (verdict.attempt.status, verdict.may_retry) == (Status.FAIL, False)


def test_a_job_that_ended_silently_while_cancelling_is_cancelled() -> None:
    ended = in_phase(JobPhase.FINISHED, reason="Cancelled", permanent=True, ends=DONE)
    attempt = judged(job=ended, cancelling=True).attempt
    assert (attempt.status, attempt.finished_at) == (Status.CANCELLED, timestamp(seconds_later(5)))


def test_a_job_that_is_being_cancelled_is_waited_for() -> None:
    stopping = in_phase(JobPhase.RUNNING, reason="Cancelled", permanent=True)
    assert judged(job=stopping, cancelling=True).attempt.status is Status.RUNNING


@pytest.mark.parametrize(
    ("reason", "fault", "may_retry"),
    [
        ("SecretNotFound", Fault.INPUT, False),
        ("InvalidImageName", Fault.INPUT, False),
        ("PodSecurityRefused", Fault.INPUT, False),
        ("LimitRangeRefused", Fault.INPUT, False),
        ("AdmissionDenied", Fault.INPUT, False),
        ("StartError", Fault.INFRASTRUCTURE, True),
    ],
)
def test_what_will_never_start_is_a_failure_at_once(reason: str, fault: Fault, may_retry: bool) -> None:
    verdict = judged(LAUNCHED, job=in_phase(JobPhase.WAITING, reason=reason, message="says why", permanent=True))
    assert (verdict.attempt.status, verdict.attempt.fault) == (Status.FAIL, fault)
    assert verdict.attempt.reason == f"{reason}: says why"
    assert verdict.may_retry is may_retry


def test_what_may_still_heal_is_waited_for_up_to_the_limit() -> None:
    job = in_phase(JobPhase.WAITING, reason="ErrImagePull", message="no such image x")
    waiting = judged(LAUNCHED, job=job, after_s=299)
    assert (waiting.attempt.status, waiting.attempt.waiting_for) == (Status.PENDING, "no such image x")
    assert waiting.wait
    over = judged(LAUNCHED, job=job, after_s=301)
    assert (over.attempt.status, over.attempt.fault) == (Status.FAIL, Fault.INPUT)
    assert "no such image x" in over.attempt.reason


def test_what_was_waited_for_in_vain_is_not_waited_for_again() -> None:
    job = in_phase(JobPhase.WAITING, reason="Unschedulable", message="0/1 nodes are available")
    verdict = judged(LAUNCHED, job=job, after_s=301)
    assert (verdict.attempt.fault, verdict.may_retry) == (Fault.INFRASTRUCTURE, False)
    assert verdict.attempt.reason == "waited 300 s in vain: Unschedulable: 0/1 nodes are available"


def test_what_ails_a_job_that_runs_is_shown() -> None:
    running = report(ReportStatus.RUNNING)
    silent = in_phase(JobPhase.RUNNING, reason="NodeNotReady", message="the node does not answer")
    attempt = judged(report=running, job=silent).attempt
    assert (attempt.status, attempt.waiting_for) == (Status.RUNNING, "the node does not answer")
    assert judged(attempt, report=running).attempt.waiting_for == ""


def test_a_job_that_used_too_much_disk_is_the_users() -> None:
    job = in_phase(JobPhase.FINISHED, reason="StorageExceeded", message="10Mi", permanent=True, ends=DONE)
    verdict = judged(LAUNCHED, job=job)
    assert (verdict.attempt.fault, verdict.may_retry) == (Fault.USER, False)
    assert "used more disk than it may: 10Mi" in verdict.attempt.reason


def test_a_job_that_waits_for_nothing_bad_is_waited_for_without_limit() -> None:
    verdict = judged(LAUNCHED, job=in_phase(JobPhase.WAITING, message="pulling"), after_s=9999)
    assert (verdict.attempt.status, verdict.attempt.waiting_for) == (Status.PENDING, "pulling")


def test_a_job_that_is_known_to_be_gone_is_a_failure_at_once() -> None:
    verdict = judged(LAUNCHED, job=in_phase(JobPhase.GONE))
    assert (verdict.attempt.status, verdict.attempt.fault) == (Status.FAIL, Fault.INFRASTRUCTURE)
    assert "vanished" in verdict.attempt.reason
    assert verdict.may_retry
    assert judged(job=in_phase(JobPhase.GONE), cancelling=True).attempt.status is Status.CANCELLED


@pytest.mark.parametrize(
    ("listed_after_s", "status"),
    [(None, Status.PENDING), (-100, Status.PENDING), (14, Status.PENDING), (16, Status.FAIL)],
)
def test_a_job_is_missed_only_in_a_list_that_was_asked_for_long_after_its_launch(
    listed_after_s: float | None, status: Status
) -> None:
    assert judged(LAUNCHED, job=None, after_s=9999, listed_after_s=listed_after_s).attempt.status is status


def test_an_attempt_that_was_never_launched_is_not_missed() -> None:
    assert judged(PENDING, job=None, after_s=9999, listed_after_s=9999).attempt == PENDING


def test_an_attempt_that_could_not_be_launched_for_too_long_fails() -> None:
    held = replace(PENDING, waiting_for="the engine is down")
    assert judged(held, job=None, after_s=299).attempt == held
    verdict = judged(held, job=None, after_s=301)
    assert (verdict.attempt.status, verdict.attempt.fault, verdict.may_retry) == (
        Status.FAIL,
        Fault.INFRASTRUCTURE,
        False,
    )
    assert verdict.attempt.reason == "waited 300 s in vain: the engine is down"
