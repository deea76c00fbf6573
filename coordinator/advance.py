"""The state machine: what a build is next, given what its stages reported and what the launcher sees.

`advance` is pure and the only place where a status changes. It takes in what became of the running attempts
(`coordinator.verdict`), stops what was cancelled, starts what may start, and records the end. The caller
stores the new build and only then carries out the actions; each of them may be repeated without harm.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from coordinator.fitting import fit
from coordinator.verdict import Limits, Sight, judge
from shared import keys
from shared.clock import seconds_between, timestamp
from shared.model import DOCKER_PUBLISH, Attempt, Build, Stage
from shared.ports import JobPhase, JobRef, JobState
from shared.stage_contract import StageReport
from shared.status import Fault, Status, may_become

MAX_ATTEMPTS = 3
"""One run, and at most two more for what the infrastructure did before the user's work began."""

_OVER = (JobPhase.FINISHED, JobPhase.GONE)

TAKEOVER_S = 2.0
"""How long whoever decided on an attempt may take to launch it, before any coordinator does."""

LINGER_S = 30
"""How long the containers of an attempt that has reported its end may take to be gone."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What is known from outside: reports by (stage id, attempt), this build's Jobs by name, the time.

    `listed_at` is when the newest full list of Jobs was asked for: one that was launched before, and is not in
    `jobs`, does not exist.
    """

    reports: Mapping[tuple[str, int], StageReport]
    jobs: Mapping[str, JobState]
    now: datetime
    listed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Launch:
    """Create the Job of this attempt."""

    stage_id: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Cancel:
    """Tell this Job's containers to stop."""

    job: JobRef


@dataclass(frozen=True, slots=True)
class Discard:
    """This Job has ended and all it had to say was taken in: it may be removed."""

    job: JobRef


@dataclass(frozen=True, slots=True)
class Forget:
    """This Job is no more, and nobody asks for it any more."""

    job: JobRef


@dataclass(frozen=True, slots=True)
class Release:
    """The build has ended, and no Job of it runs: what they were launched with may be removed."""


Action = Launch | Cancel | Discard | Forget | Release


@dataclass(frozen=True, slots=True)
class Step:
    """The next build, what to do about it, and whether to look again soon because something waits on time."""

    build: Build
    actions: tuple[Action, ...]
    look_again: bool = False


def advance(build: Build, seen: Observation, limits: Limits) -> Step:
    """Take one step. With the same observation, a second step changes nothing more."""
    look_again = False
    decided_before = frozenset(attempt.job for stage in build.stages for attempt in stage.attempts)
    if not build.finished:
        build, look_again = _take_in(build, seen, limits)
        build = fit(_finish(_start(_skip(_stop(build, seen)), seen), seen))
    unlaunched = tuple(_unlaunched(build, seen))
    launches = tuple(
        Launch(stage.id, attempt.number)
        for stage, attempt in unlaunched
        if attempt.job not in decided_before or _is_left(attempt, seen)
    )
    look_again = look_again or len(launches) < len(unlaunched)
    actions = (*launches, *_clearing(build, seen), *_releasing(build, seen))
    return Step(build, actions, look_again or any(isinstance(action, Cancel) for action in actions))


def startable(build: Build) -> Iterator[Stage]:
    """The stages that may start now: never tried, and all before them succeeded or were not asked for."""
    for stage in build.stages:
        if stage.status is Status.PENDING and not stage.current:
            yield stage
        if stage.status not in (Status.SUCCESS, Status.SKIPPED):
            return


def with_launched(build: Build, stage_id: str, number: int, launched_at: str = "", waiting_for: str = "") -> Build:
    """The build with the time at which an attempt's Job was accepted, or with what keeps it from being so."""

    def mark(attempt: Attempt) -> Attempt:
        return replace(attempt, launched_at=attempt.launched_at or launched_at, waiting_for=waiting_for)

    return _with_changed(build, stage_id, number, mark)


def with_refused(build: Build, stage_id: str, number: int, reason: str, now: datetime) -> Build:
    """The build with an attempt failed whose Job can never be accepted as it is; `reason` says why."""

    def fail(attempt: Attempt) -> Attempt:
        text = f"cannot be started: {reason}"
        ended_at = timestamp(now)
        return replace(
            attempt, status=Status.FAIL, fault=Fault.INPUT, reason=text, waiting_for="", finished_at=ended_at
        )

    return _with_changed(build, stage_id, number, fail)


def _with_changed(build: Build, stage_id: str, number: int, change: Callable[[Attempt], Attempt]) -> Build:
    """The build with one attempt changed, unless that has ended."""
    stages = []
    for stage in build.stages:
        if stage.id == stage_id:
            attempts = (
                change(each) if each.number == number and not each.status.finished else each for each in stage.attempts
            )
            stage = replace(stage, attempts=tuple(attempts))
        stages.append(stage)
    return replace(build, stages=tuple(stages))


def _take_in(build: Build, seen: Observation, limits: Limits) -> tuple[Build, bool]:
    stages = []
    waits = False
    for stage in build.stages:
        if stage.attempts and not stage.attempts[-1].status.finished:
            stage, wait = _take_in_stage(build, stage, seen, limits)
            waits = waits or wait
        stages.append(stage)
    return replace(build, stages=tuple(stages)), waits


def _take_in_stage(build: Build, stage: Stage, seen: Observation, limits: Limits) -> tuple[Stage, bool]:
    old = stage.attempts[-1]
    sight = Sight(
        report=seen.reports.get((stage.id, old.number)),
        job=seen.jobs.get(old.job),
        listed_at=seen.listed_at,
        cancelling=bool(build.cancel_requested),
        now=seen.now,
    )
    verdict = judge(stage.spec, old, sight, limits)
    if not may_become(old.status, verdict.attempt.status):
        raise AssertionError(f"{old.job} may not go from {old.status} to {verdict.attempt.status}")
    stage = replace(stage, attempts=(*stage.attempts[:-1], verdict.attempt))
    if verdict.may_retry and not build.cancel_requested and _may_repeat(stage):
        stage = _with_new_attempt(build, stage, seen)
    return stage, verdict.wait


def _may_repeat(stage: Stage) -> bool:
    """A publish is never repeated by itself: half of it may be out in the world."""
    return stage.spec.type != DOCKER_PUBLISH and len(stage.current) < MAX_ATTEMPTS


def _stop(build: Build, seen: Observation) -> Build:
    """Where a cancel was asked for, end all that has no Job; what has one ends when its Job does."""
    if not build.cancel_requested:
        return build
    return replace(build, stages=tuple(_stop_stage(stage, seen) for stage in build.stages))


def _stop_stage(stage: Stage, seen: Observation) -> Stage:
    if stage.status.finished:
        return stage
    if not stage.current:
        return replace(stage, cancelled=True)
    last = stage.attempts[-1]
    if last.launched_at:
        return stage
    ended = replace(last, status=Status.CANCELLED, reason="cancelled", finished_at=timestamp(seen.now))
    return replace(stage, attempts=(*stage.attempts[:-1], ended))


def _skip(build: Build) -> Build:
    """After a failure, the stages that were not tried will not run."""
    failed = next((stage for stage in build.stages if stage.status is Status.FAIL), None)
    if failed is None:
        return build
    reason = f"{failed.spec.name!r} failed"
    return replace(
        build,
        stages=tuple(
            replace(stage, skipped=reason) if stage.status is Status.PENDING and not stage.current else stage
            for stage in build.stages
        ),
    )


def _start(build: Build, seen: Observation) -> Build:
    if build.cancel_requested:
        return build
    starting = {stage.id for stage in startable(build)}
    stages = (_with_new_attempt(build, stage, seen) if stage.id in starting else stage for stage in build.stages)
    return replace(build, stages=tuple(stages))


def _with_new_attempt(build: Build, stage: Stage, seen: Observation) -> Stage:
    number = len(stage.attempts) + 1
    job = keys.job_name(build.repository, build.number, stage.id, number)
    return replace(stage, attempts=(*stage.attempts, Attempt(number, job, created_at=timestamp(seen.now))))


def _finish(build: Build, seen: Observation) -> Build:
    if not all(stage.status.finished for stage in build.stages):
        return build
    failed = next((stage for stage in build.stages if stage.status is Status.FAIL), None)
    cancelled = build.cancel_requested if build.status is Status.CANCELLED else ""
    reason = f"{failed.spec.name}: {failed.attempts[-1].reason}" if failed else cancelled
    return replace(build, finished_at=timestamp(seen.now), reason=reason)


def _unlaunched(build: Build, seen: Observation) -> Iterator[tuple[Stage, Attempt]]:
    for stage in build.stages:
        if not stage.attempts:
            continue
        last = stage.attempts[-1]
        if last.status is Status.PENDING and not last.launched_at and last.job not in seen.jobs:
            yield stage, last


def _is_left(attempt: Attempt, seen: Observation) -> bool:
    """Whether nobody is about to launch it; one from the future is of another clock, and is not waited for."""
    age_s = seconds_between(attempt.created_at, timestamp(seen.now))
    return age_s is None or not 0 <= age_s < TAKEOVER_S


def _clearing(build: Build, seen: Observation) -> Iterator[Cancel | Discard | Forget]:
    """What to do about Jobs that are there: those of ended attempts go, and all go where a cancel was asked for."""
    attempts = {attempt.job: (stage, attempt) for stage in build.stages for attempt in stage.attempts}
    for name, job in seen.jobs.items():
        stage, attempt = attempts.get(name, (None, None))
        over = attempt is None or attempt.status.finished
        if job.phase in _OVER:
            if over:
                yield Discard(job.ref) if job.phase is JobPhase.FINISHED else Forget(job.ref)
        elif build.cancel_requested or (over and not _is_leaving(stage, attempt, seen)):
            yield Cancel(job.ref)


def _releasing(build: Build, seen: Observation) -> Iterator[Release]:
    if build.finished and all(job.phase in _OVER for job in seen.jobs.values()):
        yield Release()


def _is_leaving(stage: Stage | None, attempt: Attempt | None, seen: Observation) -> bool:
    """A stage that has just said its last word ends by itself."""
    if stage is None or attempt is None:
        return False
    report = seen.reports.get((stage.id, attempt.number))
    since = seconds_between(attempt.finished_at, timestamp(seen.now)) or 0.0
    # A success is a stage's own word, also where the report that said it is not seen here yet.
    said = attempt.status is Status.SUCCESS or (report is not None and report.status.final)
    return said and since < LINGER_S
