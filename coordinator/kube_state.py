"""What a Job is at, from what Kubernetes has of it: the Job, its newest pod, and events where something waits. Pure.

Reasons are Kubernetes' own words wherever it has one (OOMKilled, DeadlineExceeded, InvalidImageName …); the others
stand for what it only says in sentences: `kube_troubles` has those of a pod that does not start, `kube_losses` those
of one that is taken away.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from coordinator import kube_losses
from coordinator.kube_objects import Object, condition, containers_started_at, ends, has_ended, statuses
from coordinator.kube_troubles import NONE, Trouble, of_creation, of_hook, of_volume, of_waiting_container
from shared.keys import STAGE_CONTAINER
from shared.ports import JobPhase, JobRef, JobState

_START_ERRORS = ("StartError", "ContainerCannotRun")


@dataclass(frozen=True, slots=True)
class Seen:
    """All that is known of one Job: itself, its newest pod, the events about the one that matters, newest first.

    Job and pod are `kube_objects.slim`. `scheduled_at` and `started_at` are when the watch first showed that,
    `pod_missing` that it showed the pod's end; `explained` that events were asked for since its containers ended.
    """

    ref: JobRef
    build_key: str
    job: Object
    pod: Object | None = None
    events: tuple[Object, ...] = ()
    scheduled_at: str = ""
    started_at: str = ""
    pod_missing: bool = False
    explained: bool = False


def job_state(seen: Seen, now: datetime) -> JobState:
    """The state as the core knows it. One that ended in an error is RUNNING until its events were asked for why."""
    state = _state(seen, now)
    if state.phase is JobPhase.FINISHED and _is_puzzling(state) and not seen.explained:
        return replace(state, phase=JobPhase.RUNNING)
    return state


def needs_events(seen: Seen, now: datetime) -> bool:
    """Whether events may say more about a Job than its pod does: it waits, or ended in an error without a reason."""
    return _is_puzzling(_state(seen, now))


def has_finished(seen: Seen, now: datetime) -> bool:
    """Whether nothing of it runs any more."""
    return _phase(seen, now) is JobPhase.FINISHED


def _state(seen: Seen, now: datetime) -> JobState:
    phase = _phase(seen, now)
    trouble = next((found for found in _troubles(seen, phase, now) if found.reason), NONE)
    return JobState(
        ref=seen.ref,
        build_key=seen.build_key,
        phase=phase,
        reason=trouble.reason,
        message=trouble.message,
        permanent=trouble.permanent,
        ends=ends(seen.pod) if seen.pod else {},
        scheduled_at=seen.scheduled_at,
        containers_started_at=seen.started_at,
    )


def _is_puzzling(state: JobState) -> bool:
    if state.phase is JobPhase.WAITING:
        return not state.permanent
    failed = any(end.exit_code for end in state.ends.values())
    return state.phase is JobPhase.FINISHED and failed and state.reason in ("", *_START_ERRORS)


def _phase(seen: Seen, now: datetime) -> JobPhase:
    if seen.pod is None:
        over = condition(seen.job, "Failed", "Complete") or seen.job["metadata"].get("deletionTimestamp")
        return JobPhase.FINISHED if over else JobPhase.WAITING
    if seen.pod_missing or has_ended(seen.pod) or kube_losses.is_overdue(seen.pod, now):
        return JobPhase.FINISHED
    return JobPhase.RUNNING if containers_started_at(seen.pod) else JobPhase.WAITING


def _troubles(seen: Seen, phase: JobPhase, now: datetime) -> Iterator[Trouble]:
    """What is wrong, the most telling first: what took the pod away, its containers, what keeps it waiting."""
    over = phase is JobPhase.FINISHED
    yield from kube_losses.of_job(seen.job, seen.pod, over)
    if seen.pod is not None:
        yield from kube_losses.of_pod(seen.pod, now, over)
        yield from (replace(found, permanent=over) for event in seen.events if (found := of_hook(event)).reason)
        yield from kube_losses.of_deletion(seen.job, seen.pod, seen.pod_missing, over)
        yield from _ended_badly(seen.pod)
    if phase is JobPhase.WAITING:
        yield from _delays(seen)
    if over and seen.pod is None:
        yield from _without_pod(seen.job)


def _ended_badly(pod: Object) -> Iterator[Trouble]:
    for status in statuses(pod):
        ended = status["state"].get("terminated") or {}
        name, reason, message = status["name"], str(ended.get("reason", "")), str(ended.get("message", ""))
        if reason in _START_ERRORS:
            yield Trouble("StartError", f"the container {name!r} could not be started: {message}", permanent=True)
        if reason == "OOMKilled" and name == STAGE_CONTAINER and ended["exitCode"]:  # of `user`, the stage will tell
            yield Trouble(reason, f"the container {name!r} ran out of memory", permanent=True)


def _delays(seen: Seen) -> Iterator[Trouble]:
    pod = seen.pod
    own = frozenset(pod["spec"]["ownSecrets"]) if pod else frozenset()
    if pod is not None:
        for status in statuses(pod):
            yield of_waiting_container(status, seen.ref.namespace, own)
        yield _unschedulable(pod)
    for event in seen.events:
        yield of_volume(event, seen.ref.namespace, own)
        yield of_creation(event)


def _unschedulable(pod: Object) -> Trouble:
    said = condition(pod, "PodScheduled", status="False")
    if not said or said.get("reason") == "SchedulingGated":  # somebody's queue holds it back, on purpose
        return NONE
    return Trouble(str(said.get("reason", "Unschedulable")), f"no node takes it: {said.get('message', '')}")


def _without_pod(job: Object) -> Iterator[Trouble]:
    if job["metadata"].get("deletionTimestamp"):
        yield Trouble("JobDeleted", "the stage's Job was deleted before it had a pod", permanent=True)
    if condition(job, "Failed"):
        yield Trouble("PodDeleted", "the stage's pod is not there any more, and nobody saw its end", permanent=True)
