"""What a pod is at, from what the engine says of its containers. Pure.

Reasons are Kubernetes' words, so that whoever reads a JobState need not know where the Job ran.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.pod_plan import PodRecord
from shared.ports import ContainerEnd, JobPhase, JobRef, JobState

START_ERROR = "StartError"
CONTAINER_REMOVED = "ContainerRemoved"
"""Not one of Kubernetes' words: there, nobody can take a single container out of a pod."""
_START_ERROR_CODE = 128  # what a cluster reports for a process that could not be started
_KILLED = 137  # 128 + SIGKILL
_ALIVE = frozenset({"running", "paused", "restarting", "removing"})
_ENDED = frozenset({"exited", "dead"})


@dataclass(frozen=True, slots=True)
class ContainerSight:
    """A container as the engine sees it. `status` is Docker's word; `error` why its process could not be started."""

    status: str
    exit_code: int = 0
    oom_killed: bool = False
    error: str = ""

    @property
    def end(self) -> ContainerEnd | None:
        """How it ended, or None while it has not."""
        if self.error and self.status not in _ALIVE:
            return ContainerEnd(_START_ERROR_CODE, START_ERROR)
        if self.status not in _ENDED:
            return None
        return ContainerEnd(self.exit_code, self._reason)

    @property
    def _reason(self) -> str:
        if self.exit_code == 0:
            return "Completed"
        # The flag is also set where the kernel killed a child, and PID 1 lived on to pass its exit code.
        return "OOMKilled" if self.oom_killed else "Error"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why we ended a pod, or never started it. `permanent`: trying again would end the same way."""

    reason: str
    message: str
    permanent: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a pod that has no containers yet waits for."""

    message: str = ""
    reason: str = ""


Sights = Mapping[str, ContainerSight | None]
"""A pod's containers by name; None: the engine has no such container."""


def killed_without_a_word(inspected: Mapping[str, Any]) -> bool:
    """Whether a container with a memory limit was killed, and the engine does not say by whom."""
    state = inspected["State"]
    killed = state["Status"] in _ENDED and state["ExitCode"] == _KILLED and not state["OOMKilled"]
    return killed and bool(inspected["HostConfig"]["Memory"])


def sight_of(inspected: Mapping[str, Any]) -> ContainerSight:
    """Read the answer of `GET /containers/{id}/json`."""
    state = inspected["State"]
    return ContainerSight(state["Status"], state["ExitCode"], state["OOMKilled"], state.get("Error", ""))


def job_state(record: PodRecord, sights: Sights, verdict: Verdict | None, waiting: Waiting | None) -> JobState:
    """Weigh all that is known of a pod. `waiting` is given as long as its containers are not all made."""
    ends = {name: sight.end for name, sight in sights.items() if sight and sight.end}
    phase = _phase(sights, len(ends), verdict, waiting)
    reason, message, permanent = _trouble(sights, verdict, waiting)
    return JobState(
        ref=JobRef(record.namespace, record.name),
        build_key=record.build_key,
        phase=phase,
        reason=reason,
        message=message,
        # A verdict's last word waits until the containers had their time to end by themselves.
        permanent=permanent and (verdict is None or phase is JobPhase.FINISHED),
        ends={name: end for name, end in ends.items() if end},
    )


def _phase(sights: Sights, ended: int, verdict: Verdict | None, waiting: Waiting | None) -> JobPhase:
    alive = any(sight and sight.status in _ALIVE for sight in sights.values())
    if verdict is not None:
        return JobPhase.RUNNING if alive else JobPhase.FINISHED
    if waiting is not None:
        return JobPhase.WAITING
    if alive:
        return JobPhase.RUNNING
    if ended == len(sights) or None in sights.values():
        return JobPhase.FINISHED  # what was removed by hand leaves the rest of the pod to be cleared away
    return JobPhase.RUNNING if ended else JobPhase.WAITING


def _trouble(sights: Sights, verdict: Verdict | None, waiting: Waiting | None) -> tuple[str, str, bool]:
    if verdict is not None:
        return verdict.reason, verdict.message, verdict.permanent
    if waiting is not None:
        return waiting.reason, waiting.message, False
    if removed := [name for name, sight in sights.items() if sight is None]:
        return CONTAINER_REMOVED, f"somebody removed the container {' and '.join(removed)} of the stage's pod", True
    for name, sight in sights.items():
        if sight and sight.end and sight.end.reason == START_ERROR:
            return START_ERROR, f"container {name} could not be started: {sight.error}", True
    return "", "", False
