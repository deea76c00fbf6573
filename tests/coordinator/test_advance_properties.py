"""The state machine under anything: reports, Jobs, time and cancels in any order, over any pipeline."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from coordinator.advance import MAX_ATTEMPTS, Launch, Observation, Step, advance, with_launched, with_refused
from coordinator.fitting import MAX_BUILD_BYTES
from coordinator.verdict import Limits
from shared.clock import timestamp
from shared.codec import decode, encode
from shared.model import DOCKER_PUBLISH, Attempt, Build, Stage, StageSpec
from shared.ports import ContainerEnd, JobPhase, JobRef, JobState
from shared.stage_contract import StageReport
from shared.status import Fault, ReportStatus, Status, may_become
from tests.coordinator.samples import NOW, build

SPECS = st.builds(
    StageSpec,
    name=st.sampled_from(["Build", "Test", "Publish", "Scan"]),
    type=st.sampled_from(["docker_build", "command", DOCKER_PUBLISH, "custom"]),
    timeout_s=st.sampled_from([None, 60]),
)
REASONS = st.sampled_from(["", "OOMKilled", "DeadlineExceeded", "ErrImagePull", "Evicted", "Cancelled", "StartError"])
RESULTS = st.sampled_from([{}, {"image": "a@sha256:1"}, {"image": 7}, {"artifacts": ["x" * 900] * 200}])
ENDS = st.dictionaries(
    st.sampled_from(["stage", "user"]),
    st.sampled_from(
        [
            ContainerEnd(0, "Completed"),
            ContainerEnd(1, "Error"),
            ContainerEnd(137, "OOMKilled"),
            ContainerEnd(137, "Error"),
        ]
    ),
)
FINAL = st.sampled_from([*[ReportStatus.SUCCESS] * 3, *[ReportStatus.FAIL] * 2, ReportStatus.INTERRUPTED])


class AnyBuild(RuleBasedStateMachine):
    """One build in a world that does what it likes. `said` holds all reports, `jobs` what a watch has seen."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.listed_at = None
        self.said: dict[tuple[str, int], StageReport] = {}
        self.jobs: dict[str, JobState] = {}
        self.launches: list[Launch] = []

    @initialize(specs=st.lists(SPECS, min_size=1, max_size=5))
    def begin(self, specs: list[StageSpec]) -> None:
        self.build = build(*specs)
        self.step()

    @rule()
    def step(self) -> None:
        self._take(self._advanced(self.build))

    @rule(action=st.sampled_from(["note", "note", "note", "note", "hold", "refuse"]))
    def launch(self, action: str) -> None:
        """A worker carries out the last Launch, however late: it is taken, cannot be done now, or is refused."""
        last = self.launches[-1]
        match action:
            case "note":
                changed = with_launched(self.build, last.stage_id, last.attempt, timestamp(self.now))
            case "hold":
                changed = with_launched(self.build, last.stage_id, last.attempt, waiting_for="the engine is down")
            case _:
                changed = with_refused(self.build, last.stage_id, last.attempt, "no", self.now)
        self._check_change(self.build, changed)
        self.build = changed

    @rule(phase=st.sampled_from(list(JobPhase)), reason=REASONS, permanent=st.booleans(), ends=ENDS)
    def see_job(self, phase: JobPhase, reason: str, permanent: bool, ends: dict[str, ContainerEnd]) -> None:
        attempt = self._launched()
        ref = JobRef(self.build.pipeline.namespace, attempt.job)
        self.jobs[ref.name] = JobState(ref, "", phase, reason, "says why", permanent, ends)

    @rule(listed=st.booleans())
    def lose_jobs(self, listed: bool) -> None:
        self.jobs.clear()
        if listed:
            self.listed_at = self.now

    @rule(work_began=st.booleans())
    def report_running(self, work_began: bool) -> None:
        """Reports are made once: running first, and nothing after the last word."""
        last = self.launches[-1]
        self.said.setdefault(
            (last.stage_id, last.attempt),
            StageReport(ReportStatus.RUNNING, "pod", started_at=timestamp(self.now), work_began=work_began),
        )

    @rule(
        status=FINAL,
        fault=st.sampled_from([None, *Fault]),
        work_began=st.booleans(),
        exit_code=st.sampled_from([None, 0, 1, 137, 143]),
        result=RESULTS,
        reason=st.sampled_from(["", "it broke", "x" * 2000]),
        skew_s=st.sampled_from([-3600, 0, 3600]),
        seen=st.booleans(),
    )
    def report_end(self, status, fault, work_began, exit_code, result, reason, skew_s, seen) -> None:
        last = self.launches[-1]
        before = self.said.get((last.stage_id, last.attempt))
        if before is None or not before.status.final:
            self.said[last.stage_id, last.attempt] = StageReport(
                status,
                "pod",
                reason=reason,
                fault=fault,
                exit_code=exit_code,
                result=result,
                work_began=work_began,
                finished_at=timestamp(self.now + timedelta(seconds=skew_s)),
            )
        if seen:
            self.step()

    @rule(seconds=st.sampled_from([0, 1, 11, 31, 301]))
    def pass_time(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(really=st.sampled_from([False, False, False, False, True]))
    def cancel(self, really: bool) -> None:
        if really and not self.build.finished:
            self.build = replace(self.build, cancel_requested="cancelled by ann")

    @invariant()
    def a_second_step_changes_nothing_more(self) -> None:
        once = self._advanced(self.build)
        assert self._advanced(once.build).build == once.build

    @invariant()
    def a_build_is_small_and_survives_json(self) -> None:
        data = encode(self._advanced(self.build).build)
        assert len(data) <= MAX_BUILD_BYTES
        assert encode(decode(Build, data)) == data

    @invariant()
    def a_stage_starts_only_after_those_before_it_succeeded(self) -> None:
        for earlier, later in pairwise(self.build.stages):
            assert not later.attempts or earlier.status in (Status.SUCCESS, Status.SKIPPED)

    @invariant()
    def a_finished_build_has_only_finished_stages(self) -> None:
        if self.build.finished:
            assert all(stage.status.finished for stage in self.build.stages)
            assert self.build.status in (Status.SUCCESS, Status.FAIL, Status.CANCELLED)

    @invariant()
    def attempts_are_few_and_repeated_for_the_infrastructure_alone(self) -> None:
        for stage in self.build.stages:
            assert len(stage.attempts) <= (1 if stage.spec.type == DOCKER_PUBLISH else MAX_ATTEMPTS)
            for earlier in stage.attempts[:-1]:
                said = self.said.get((stage.id, earlier.number))
                assert (earlier.status, earlier.fault) == (Status.FAIL, Fault.INFRASTRUCTURE)
                assert said is None or not said.work_began

    @invariant()
    def success_is_what_the_stage_itself_reported(self) -> None:
        for stage in self.build.stages:
            for attempt in stage.attempts:
                if attempt.status is Status.SUCCESS:
                    assert self.said[stage.id, attempt.number].status is ReportStatus.SUCCESS

    @invariant()
    def every_failure_has_a_reason_and_a_fault_and_every_end_a_time(self) -> None:
        for attempt in (attempt for stage in self.build.stages for attempt in stage.attempts):
            assert attempt.status is not Status.FAIL or (attempt.reason and attempt.fault)
            assert bool(attempt.finished_at) == attempt.status.finished
        assert self.build.status is not Status.FAIL or not self.build.finished or self.build.reason

    def _advanced(self, made: Build) -> Step:
        return advance(made, Observation(self.said, self.jobs, self.now, self.listed_at), Limits())

    def _take(self, step: Step) -> None:
        self._check_change(self.build, step.build)
        self.build = step.build
        self.launches += [action for action in step.actions if isinstance(action, Launch)]

    def _check_change(self, old: Build, new: Build) -> None:
        assert not old.finished or new == old
        for was, now in zip(old.stages, new.stages, strict=True):
            assert [attempt.job for attempt in was.attempts] == [a.job for a in now.attempts[: len(was.attempts)]]
            for before, after in zip(was.attempts, now.attempts, strict=False):
                assert may_become(before.status, after.status)
                assert not before.status.finished or _same(before, after)

    def _launched(self) -> Attempt:
        last = self.launches[-1]
        stage: Stage = next(stage for stage in self.build.stages if stage.id == last.stage_id)
        return stage.attempts[last.attempt - 1]


def _same(before: Attempt, after: Attempt) -> bool:
    """An attempt that has ended stays as it is, but for what had to be cut from its result."""
    cut = {"result": {}, "warnings": (), "timings": {}, "reason": ""}
    return before == after or replace(before, **cut) == replace(after, **cut)


TestAnyBuild = AnyBuild.TestCase
TestAnyBuild.settings = hypothesis_settings(max_examples=150, stateful_step_count=40, deadline=None)
