"""Containers and verdicts become a JobState in Kubernetes' words."""

import pytest

from local.pod_plan import ContainerRecord, PodRecord
from local.pod_state import ContainerSight, Verdict, Waiting, job_state, sight_of
from shared.ports import ContainerEnd, JobPhase, JobRef, JobState

RECORD = PodRecord("ns", "job", "/key", (ContainerRecord("stage"), ContainerRecord("user")))
NEW = ContainerSight("created")
RUNS = ContainerSight("running")
DONE = ContainerSight("exited")
FAILED = ContainerSight("exited", 1)
NOT_STARTED = ContainerSight("created", 127, error="no such program")


def state(
    stage: ContainerSight | None,
    user: ContainerSight | None,
    verdict: Verdict | None = None,
    waiting: Waiting | None = None,
) -> JobState:
    return job_state(RECORD, {"stage": stage, "user": user}, verdict, waiting)


@pytest.mark.parametrize(
    ("stage", "user", "phase"),
    [
        (NEW, NEW, JobPhase.WAITING),
        (RUNS, NEW, JobPhase.RUNNING),
        (RUNS, RUNS, JobPhase.RUNNING),
        (DONE, RUNS, JobPhase.RUNNING),
        (DONE, NEW, JobPhase.RUNNING),
        (DONE, FAILED, JobPhase.FINISHED),
        (FAILED, NOT_STARTED, JobPhase.FINISHED),
        (None, None, JobPhase.FINISHED),
        (None, DONE, JobPhase.FINISHED),
        (NEW, None, JobPhase.FINISHED),
        (RUNS, None, JobPhase.RUNNING),
    ],
)
def test_the_phase_follows_from_the_containers(
    stage: ContainerSight | None, user: ContainerSight | None, phase: JobPhase
) -> None:
    assert state(stage, user).phase is phase


def test_a_container_that_somebody_removed_is_the_reason_for_the_end() -> None:
    seen = state(None, RUNS)
    assert (seen.phase, seen.reason, seen.permanent) == (JobPhase.RUNNING, "ContainerRemoved", True)
    assert seen.message == "somebody removed the container stage of the stage's pod"


def test_a_state_names_its_job_and_build() -> None:
    seen = state(RUNS, FAILED)
    assert (seen.ref, seen.build_key, seen.ends) == (JobRef("ns", "job"), "/key", {"user": ContainerEnd(1, "Error")})


@pytest.mark.parametrize(
    ("sight", "end"),
    [
        (DONE, ContainerEnd(0, "Completed")),
        (FAILED, ContainerEnd(1, "Error")),
        (ContainerSight("exited", 137, oom_killed=True), ContainerEnd(137, "OOMKilled")),
        (ContainerSight("exited", 137), ContainerEnd(137, "Error")),
        (ContainerSight("exited", 0, oom_killed=True), ContainerEnd(0, "Completed")),
        (ContainerSight("dead", 1), ContainerEnd(1, "Error")),
        (NOT_STARTED, ContainerEnd(128, "StartError")),
        (RUNS, None),
        (NEW, None),
    ],
)
def test_ends_have_kubernetes_reasons(sight: ContainerSight, end: ContainerEnd | None) -> None:
    assert sight.end == end


def test_a_container_that_could_not_be_started_is_explained() -> None:
    seen = state(RUNS, NOT_STARTED)
    assert (seen.phase, seen.reason, seen.permanent) == (JobPhase.RUNNING, "StartError", True)
    assert seen.message == "container user could not be started: no such program"


def test_what_a_pod_waits_for_is_shown_until_its_containers_are_made() -> None:
    seen = state(None, None, waiting=Waiting("pulling image a:1"))
    assert (seen.phase, seen.reason, seen.message) == (JobPhase.WAITING, "", "pulling image a:1")


def test_a_verdict_is_permanent_only_when_the_containers_have_ended() -> None:
    verdict = Verdict("DeadlineExceeded", "too long", permanent=True)
    stopping, stopped = state(RUNS, RUNS, verdict), state(FAILED, FAILED, verdict)
    assert (stopping.phase, stopping.reason, stopping.permanent) == (JobPhase.RUNNING, "DeadlineExceeded", False)
    assert (stopped.phase, stopped.message, stopped.permanent) == (JobPhase.FINISHED, "too long", True)


def test_a_verdict_ends_a_pod_that_never_had_containers() -> None:
    seen = state(None, None, Verdict("SecretNotFound", "give it", permanent=True), Waiting())
    assert (seen.phase, seen.reason, seen.permanent) == (JobPhase.FINISHED, "SecretNotFound", True)


def test_the_engines_answer_is_read() -> None:
    inspected = {"State": {"Status": "exited", "ExitCode": 137, "OOMKilled": True, "Error": ""}}
    assert sight_of(inspected) == ContainerSight("exited", 137, True, "")
