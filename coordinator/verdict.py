"""What became of one attempt: its report and its Job, weighed against each other.

A stage's own report is believed first. A Job explains what a stage could not say: that it never started,
was killed, or is gone. A Job that is gone or ended without a report is a failure, never a success.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from shared.clock import seconds_between, timestamp
from shared.keys import STAGE_CONTAINER, USER_CONTAINER
from shared.model import COMMAND, Attempt, StageSpec
from shared.ports import JobPhase, JobState
from shared.stage_contract import StageReport
from shared.status import Fault, ReportStatus, Status

KILLED = 137  # 128 + SIGKILL, which is also how the kernel ends what ran out of memory
MAX_SKEW_S = 60  # more than clocks on one cluster differ
TOLD_TO_STOP = frozenset({KILLED, 143})  # 128 + SIGTERM, with which a Job is cancelled

_INPUT_REASONS = frozenset(
    {
        "SecretNotFound",
        "InvalidImageName",
        "ErrImagePull",
        "ImagePullBackOff",
        "ErrImageNeverPull",
        "PodSecurityRefused",
        "LimitRangeRefused",
        "AdmissionDenied",
    }
)


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to wait, in seconds: for a Job that may still heal, for one that is not listed, for an explanation.

    `vanish_s` also bears that much difference between the clocks of two coordinators.
    """

    waiting_s: float = 300
    vanish_s: float = 15
    explain_s: float = 10


@dataclass(frozen=True, slots=True)
class Sight:
    """What is known of one attempt. `listed_at` is when the newest full list of Jobs was asked for, if any was."""

    report: StageReport | None
    job: JobState | None
    listed_at: datetime | None
    cancelling: bool
    now: datetime


@dataclass(frozen=True, slots=True)
class Verdict:
    """The attempt as it is now; whether it may be tried anew; whether to look again soon."""

    attempt: Attempt
    may_retry: bool = False
    wait: bool = False


def judge(spec: StageSpec, attempt: Attempt, sight: Sight, limits: Limits) -> Verdict:
    """Say what an unfinished attempt is now."""
    attempt = _progress(attempt, sight)
    if sight.report is not None and sight.report.status.final:
        return _reported(spec, attempt, sight.report, sight, limits)
    if sight.job is None or sight.job.phase is JobPhase.GONE:
        return _without_job(attempt, sight, limits)
    return _without_word(spec, attempt, sight.job, sight, limits)


def _progress(attempt: Attempt, sight: Sight) -> Attempt:
    report, job = sight.report, sight.job
    if job is not None:
        attempt = replace(
            attempt,
            launched_at=attempt.launched_at or timestamp(sight.now),
            scheduled_at=attempt.scheduled_at or job.scheduled_at,
            containers_started_at=attempt.containers_started_at or job.containers_started_at,
        )
    if report is None:
        return attempt
    return replace(
        attempt,
        status=Status.RUNNING,
        waiting_for="",
        launched_at=attempt.launched_at or report.started_at or timestamp(sight.now),
        started_at=report.started_at or attempt.started_at,
        warnings=report.warnings,
        timings=report.timings,
    )


def _reported(spec: StageSpec, attempt: Attempt, report: StageReport, sight: Sight, limits: Limits) -> Verdict:
    attempt = replace(
        attempt,
        result=report.result,
        exit_code=report.exit_code,
        log_bytes=report.log_bytes,
        finished_at=_end_of(report, sight.now),
    )
    match report.status:
        case ReportStatus.SUCCESS:
            return Verdict(replace(attempt, status=Status.SUCCESS, github=report.github))
        case ReportStatus.FAIL:
            return _reported_failure(spec, attempt, report, sight, limits)
        case ReportStatus.INTERRUPTED:
            return _reported_interruption(spec, attempt, report, sight, limits)
        case _:
            raise ValueError(f"{report.status} is not a final status")


def _end_of(report: StageReport, now: datetime) -> str:
    """When the stage says that it ended; not later than now, whatever its clock says."""
    ahead = seconds_between(timestamp(now), report.finished_at)
    return timestamp(now) if ahead is None or ahead > 0 else report.finished_at


def _reported_failure(spec: StageSpec, attempt: Attempt, report: StageReport, sight: Sight, limits: Limits) -> Verdict:
    fault = report.fault or Fault.INFRASTRUCTURE
    if sight.cancelling and (fault is Fault.INFRASTRUCTURE or report.exit_code in TOLD_TO_STOP):
        return _cancelled(attempt)
    if _unexplained(spec, report):
        end = sight.job.ends.get(USER_CONTAINER) if sight.job else None
        if end is None and sight.job is not None and sight.job.permanent:
            return Verdict(_failed(attempt, *_explain(spec, sight.job.reason, sight.job.message)))
        if end is None and _may_be_explained(report, sight.now, limits):
            return Verdict(_still_running(attempt), wait=True)
        if end is not None and end.reason == "OOMKilled":
            return Verdict(_failed(attempt, Fault.USER, _out_of_memory(spec)))
    may_retry = fault is Fault.INFRASTRUCTURE and not report.work_began
    failed = _failed(attempt, fault, report.reason or "the stage gives no reason")
    return Verdict(replace(failed, github=report.github), may_retry=may_retry)


def _may_be_explained(report: StageReport, now: datetime, limits: Limits) -> bool:
    """Whether the report is so new that its Job may still say more; one from far in the future is another clock's."""
    age = seconds_between(report.finished_at, timestamp(now))
    return age is not None and -MAX_SKEW_S <= age <= limits.explain_s


def _unexplained(spec: StageSpec, report: StageReport) -> bool:
    """A command that was killed, or that left no exit code: its container may know why."""
    lost = report.exit_code is None and report.fault is Fault.INFRASTRUCTURE and report.work_began
    return spec.type == COMMAND and (report.exit_code == KILLED or lost)


def _reported_interruption(
    spec: StageSpec, attempt: Attempt, report: StageReport, sight: Sight, limits: Limits
) -> Verdict:
    if sight.cancelling:
        return _cancelled(attempt)
    reason = sight.job.reason if sight.job else ""
    if not reason and _may_be_explained(report, sight.now, limits):
        return Verdict(_still_running(attempt), wait=True)
    fault, text = _explain(spec, reason, sight.job.message if sight.job else "")
    return Verdict(
        _failed(attempt, fault, text or "the stage was told to stop from outside kontinuous"),
        may_retry=fault is Fault.INFRASTRUCTURE and not report.work_began,
    )


def _without_job(attempt: Attempt, sight: Sight, limits: Limits) -> Verdict:
    gone = sight.job is not None
    if not gone and not attempt.launched_at:
        return _not_launched(attempt, sight, limits)
    if not gone and not (sight.listed_at and _over(attempt.launched_at, sight.listed_at, limits.vanish_s)):
        return Verdict(attempt)
    if sight.cancelling:
        return _cancelled(replace(attempt, finished_at=timestamp(sight.now)))
    text = "its Job vanished before the stage reported its end: somebody or something removed it"
    return _died(attempt, sight, Fault.INFRASTRUCTURE, text)


def _not_launched(attempt: Attempt, sight: Sight, limits: Limits) -> Verdict:
    if attempt.waiting_for and _over(attempt.created_at, sight.now, limits.waiting_s):
        return _in_vain(attempt, sight, Fault.INFRASTRUCTURE, attempt.waiting_for, limits)
    return Verdict(attempt)


def _without_word(spec: StageSpec, attempt: Attempt, job: JobState, sight: Sight, limits: Limits) -> Verdict:
    ended = job.phase is JobPhase.FINISHED or STAGE_CONTAINER in job.ends
    if sight.cancelling and ended:
        return _cancelled(replace(attempt, finished_at=timestamp(sight.now)))
    if ended or (job.permanent and not sight.cancelling):
        fault, text = _explain(spec, job.reason, job.message)
        return _died(attempt, sight, fault, text or _silent_end(job))
    if job.phase is JobPhase.WAITING:
        attempt = replace(attempt, waiting_for=job.message or job.reason)
        if job.reason and _over(attempt.launched_at, sight.now, limits.waiting_s):
            fault, text = _explain(spec, job.reason, job.message)
            return _in_vain(attempt, sight, fault, text, limits)
        return Verdict(attempt, wait=bool(job.reason))
    return Verdict(replace(attempt, waiting_for=job.message if job.reason else ""))


def _in_vain(attempt: Attempt, sight: Sight, fault: Fault, text: str, limits: Limits) -> Verdict:
    """An end after the time that it had to heal: not tried anew, which would only be to wait again."""
    died = _died(attempt, sight, fault, f"waited {limits.waiting_s:.0f} s in vain: {text}")
    return replace(died, may_retry=False)


def _died(attempt: Attempt, sight: Sight, fault: Fault, text: str) -> Verdict:
    """An end without the stage's word: tried anew only where the stage had not even begun."""
    may_retry = fault is Fault.INFRASTRUCTURE and sight.report is None
    return Verdict(_failed(replace(attempt, finished_at=timestamp(sight.now)), fault, text), may_retry=may_retry)


def _explain(spec: StageSpec, reason: str, message: str) -> tuple[Fault, str]:
    if reason == "DeadlineExceeded":
        limit = f" of {spec.timeout_s} s" if spec.timeout_s else ""
        return Fault.USER, f"the stage took longer than its timeout{limit}: raise `timeout`, or make it quicker"
    if reason == "OOMKilled":
        return Fault.USER, _out_of_memory(spec)
    if reason == "StorageExceeded":
        return Fault.USER, f"used more disk than it may: {message}; raise the limit, or use less"
    fault = Fault.INPUT if reason in _INPUT_REASONS else Fault.INFRASTRUCTURE
    return fault, f"{reason}: {message}" if reason and message else reason or message


def _silent_end(job: JobState) -> str:
    ends = ", ".join(f"{name}: {end.reason} (exit {end.exit_code})" for name, end in sorted(job.ends.items()))
    return f"the stage ended without a report; its containers: {ends or 'none was seen'}"


def _out_of_memory(spec: StageSpec) -> str:
    limit = _memory_limit(spec.resources)
    return f"ran out of memory{f' (the limit is {limit})' if limit else ''}: raise resources.limits.memory, or use less"


def _memory_limit(resources: Mapping[str, Mapping[str, str]]) -> str:
    return resources.get("limits", {}).get("memory", "")


def _failed(attempt: Attempt, fault: Fault, reason: str) -> Attempt:
    return replace(attempt, status=Status.FAIL, fault=fault, reason=reason, waiting_for="")


def _cancelled(attempt: Attempt) -> Verdict:
    return Verdict(replace(attempt, status=Status.CANCELLED, reason="cancelled", waiting_for=""))


def _still_running(attempt: Attempt) -> Attempt:
    return replace(attempt, finished_at="")


def _over(since: str, now: datetime, limit_s: float) -> bool:
    passed = seconds_between(since, timestamp(now))
    return passed is None or passed > limit_s
