"""What a Job is at, from what Kubernetes has of it: the Job, its newest pod, and events where something waits. Pure.

Reasons are Kubernetes' own words wherever it has one (OOMKilled, DeadlineExceeded, InvalidImageName …); the ones made
here stand for what it only says in sentences: SecretNotFound, ServiceAccountNotFound, QuotaExceeded,
PodSecurityRefused, NodeLost, PodDeleted.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from coordinator.kube_troubles import Trouble, of_creation, of_hook, of_volume, of_waiting_container
from shared.keys import ANNOTATION_BUILD_KEY
from shared.ports import ContainerEnd, JobPhase, JobRef, JobState

Object = Mapping[str, Any]

_DISRUPTIONS = {
    "EvictionByEvictionAPI": ("Evicted", "the pod was evicted"),
    "PreemptionByScheduler": ("Preempted", "the pod had to make room for one of higher priority"),
    "DeletionByTaintManager": ("NodeLost", "the pod's node does not answer any more, or was drained"),
    "DeletionByPodGC": ("NodeLost", "the pod's node is gone"),
    "TerminationByKubelet": ("Evicted", "the pod was ended by its node, which ran short of something"),
}


@dataclass(frozen=True, slots=True)
class Seen:
    """All that is known of one Job: itself (None once it is gone), its newest pod, the newest event of each reason.

    `scheduled_at` and `started_at` are when the watch first showed that, `pod_deleted` that it showed the pod's end;
    `explained` that events were asked for since its containers ended.
    """

    ref: JobRef
    build_key: str
    job: Object | None = None
    pod: Object | None = None
    events: tuple[Object, ...] = ()
    scheduled_at: str = ""
    started_at: str = ""
    pod_deleted: bool = False
    explained: bool = False


def job_state(seen: Seen) -> JobState:
    """The state as the core knows it. One that ended in an error is RUNNING until its events were asked for why."""
    state = _state(seen)
    if state.phase is JobPhase.FINISHED and is_puzzling(state) and not seen.explained:
        return replace(state, phase=JobPhase.RUNNING)
    return state


def needs_events(seen: Seen) -> bool:
    """Whether events may say more about a Job than its pod does."""
    return is_puzzling(_state(seen))


def has_ended(seen: Seen) -> bool:
    """Whether all its containers have."""
    return _state(seen).phase is JobPhase.FINISHED


def _state(seen: Seen) -> JobState:
    ends = _ends(seen.pod)
    phase = _phase(seen, ends)
    trouble = _trouble(seen, phase)
    return JobState(
        ref=seen.ref,
        build_key=seen.build_key,
        phase=phase,
        reason=trouble.reason,
        message=trouble.message,
        permanent=trouble.permanent,
        ends=ends,
        scheduled_at=seen.scheduled_at,
        containers_started_at=seen.started_at,
    )


def build_key_of(made: Object) -> str:
    """The annotation that says which build a Job or pod belongs to."""
    return str((made["metadata"].get("annotations") or {}).get(ANNOTATION_BUILD_KEY, ""))


def is_scheduled(pod: Object) -> bool:
    """Whether the pod has a node."""
    return bool(pod["spec"].get("nodeName"))


def are_started(pod: Object) -> bool:
    """Whether all containers of the pod have begun."""
    statuses = _statuses(pod)
    return bool(statuses) and all("running" in s["state"] or "terminated" in s["state"] for s in statuses)


def is_puzzling(state: JobState) -> bool:
    """Whether events may say more about a Job than its pod does: it waits, or ended in an error without a reason."""
    if state.phase is JobPhase.WAITING:
        return not state.permanent
    failed = any(end.exit_code for end in state.ends.values())
    return state.phase is JobPhase.FINISHED and failed and not state.reason


def _phase(seen: Seen, ends: Mapping[str, ContainerEnd]) -> JobPhase:
    if seen.job is None:
        return JobPhase.GONE
    if _condition(seen.job, "Failed", "Complete"):
        return JobPhase.FINISHED
    if seen.pod is None:
        return JobPhase.FINISHED if seen.pod_deleted else JobPhase.WAITING
    statuses = _statuses(seen.pod)
    if statuses and len(ends) == len(statuses):
        return JobPhase.FINISHED
    if seen.pod.get("status", {}).get("phase") in ("Succeeded", "Failed"):
        return JobPhase.FINISHED
    if any("running" in status["state"] for status in statuses) or ends:
        return JobPhase.RUNNING
    return JobPhase.WAITING


def _trouble(seen: Seen, phase: JobPhase) -> Trouble:
    """The first that has something to say: the Job, the pod, its containers, the events."""
    for found in _troubles(seen, phase):
        if found.reason:
            return found
    return Trouble()


def _troubles(seen: Seen, phase: JobPhase) -> Iterable[Trouble]:
    deadline = _condition(seen.job or {}, "Failed", "FailureTarget")
    if deadline.get("reason") == "DeadlineExceeded":
        yield Trouble("DeadlineExceeded", str(deadline.get("message", "")), permanent=True)
    if seen.pod is not None:
        yield from _pod_troubles(seen.pod)
    if phase is JobPhase.WAITING:
        yield from (of_volume(event) for event in seen.events)
        yield from (of_creation(event) for event in seen.events)
        if seen.pod is not None:
            yield _unschedulable(seen.pod)
    yield from (of_hook(event) for event in seen.events)
    if seen.pod_deleted and phase is JobPhase.FINISHED:
        yield Trouble("PodDeleted", "its pod was deleted, by hand or by something in the cluster", permanent=True)


def _pod_troubles(pod: Object) -> Iterable[Trouble]:
    status = pod.get("status", {})
    disruption = _condition(pod, "DisruptionTarget")
    if disruption:
        reason, text = _DISRUPTIONS.get(str(disruption.get("reason")), ("Disrupted", "the pod was taken away"))
        yield Trouble(reason, f"{text}: {disruption.get('message', '')}".rstrip(": "), permanent=True)
    if status.get("reason") in ("Evicted", "NodeLost", "Shutdown", "Terminated", "UnexpectedAdmissionError"):
        yield Trouble(str(status["reason"]), str(status.get("message", "")), permanent=True)
    for container in _statuses(pod):
        yield from _container_troubles(container)
    unknown = _condition_of(pod, "Ready", "Unknown") or ({"message": ""} if status.get("phase") == "Unknown" else {})
    if unknown:
        yield Trouble("NodeLost", "the pod's node does not answer; it may come back")


def _container_troubles(container: Object) -> Iterable[Trouble]:
    state = container["state"]
    if waiting := state.get("waiting"):
        yield of_waiting_container(container, waiting)
    if (ended := state.get("terminated")) and ended.get("reason") in ("OOMKilled", "ContainerCannotRun"):
        yield Trouble(str(ended["reason"]), str(ended.get("message", "")), permanent=True)


def _unschedulable(pod: Object) -> Trouble:
    condition = _condition_of(pod, "PodScheduled", "False")
    if not condition:
        return Trouble()
    return Trouble(str(condition.get("reason", "Unschedulable")), f"no node takes it: {condition.get('message', '')}")


def _ends(pod: Object | None) -> dict[str, ContainerEnd]:
    found = {}
    for status in _statuses(pod or {}):
        if ended := status["state"].get("terminated"):
            found[status["name"]] = ContainerEnd(int(ended["exitCode"]), str(ended.get("reason") or "Error"))
    return found


def _statuses(pod: Object) -> list[Object]:
    return list(pod.get("status", {}).get("containerStatuses") or ())


def _condition(made: Object, *types: str) -> Object:
    """The first condition of these types that is true; {} where there is none."""
    conditions = made.get("status", {}).get("conditions") or ()
    return next((c for c in conditions if c["type"] in types and c["status"] == "True"), {})


def _condition_of(made: Object, kind: str, status: str) -> Object:
    conditions = made.get("status", {}).get("conditions") or ()
    return next((c for c in conditions if c["type"] == kind and c["status"] == status), {})
