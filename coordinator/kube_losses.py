"""What takes a pod away that may have been running: its deadline, its node, an eviction, a deletion. Pure.

Such a trouble is permanent once the containers have ended, or when nobody is there any more to end them: until then
the stage may still say itself how it was stopped.
"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from coordinator.kube_objects import Object, condition, ends, has_begun, has_ended, moment, statuses
from coordinator.kube_troubles import Trouble

OVERDUE = timedelta(seconds=60)
"""So long after its grace a pod that was deleted may still be ended by a slow node; then it has none any more."""

_DISRUPTIONS = {
    "EvictionByEvictionAPI": ("Evicted", "the pod was evicted, as when its node is drained"),
    "PreemptionByScheduler": ("Preempted", "the pod had to make room for one of higher priority"),
    "DeletionByTaintManager": ("NodeLost", "the pod's node stopped answering, or may not be used any more"),
    "DeletionByPodGC": ("NodeLost", "the pod's node is gone"),
    "TerminationByKubelet": ("Evicted", "its node ended the pod"),
}
_OVER_LIMIT = re.compile(r"exceed(s|ed) (the|its) ")
"""Words of the kubelet's eviction of a pod that used more disk than its own limits allow."""


def of_job(job: Object, pod: Object | None, over: bool) -> Iterator[Trouble]:
    """The Job's deadline. Its controller stops the pod first and says so a moment later."""
    said = condition(job, "Failed", "FailureTarget")
    late = pod is not None and _stopped_at_deadline(job, pod)
    if said.get("reason") == "DeadlineExceeded" or late:
        yield Trouble("DeadlineExceeded", str(said.get("message", "")) or "the stage took too long", over)


def of_pod(pod: Object, now: datetime, over: bool) -> Iterator[Trouble]:
    """Evictions, lost nodes, and what a node says of a pod that it did not even begin."""
    status = pod["status"]
    disruption = condition(pod, "DisruptionTarget")
    silent = is_node_silent(pod) or is_overdue(pod, now)
    if status.get("reason"):
        yield _of_status(str(status["reason"]), str(status.get("message", "")).strip(), over)
    if disruption:
        reason, text = _DISRUPTIONS.get(str(disruption.get("reason")), ("Disrupted", "the cluster took the pod away"))
        yield Trouble(reason, f"{text}: {disruption.get('message', '')}".rstrip(": "), over or silent)
    if silent:
        where = f"the node {pod['spec'].get('nodeName', '')!r} that the stage runs on does not answer"
        if is_overdue(pod, now):
            yield Trouble("NodeLost", f"{where}, and could not be told to stop it", permanent=True)
        yield Trouble("NodeNotReady", f"{where}; it may come back")


def of_deletion(job: Object, pod: Object, missing: bool, over: bool) -> Iterator[Trouble]:
    """A pod that was deleted while it ran or waited, by hand or with its Job."""
    if not _was_deleted(pod, missing):
        return
    if job["metadata"].get("deletionTimestamp"):
        yield Trouble("JobDeleted", "the stage's Job was deleted", over)
    else:
        yield Trouble("PodDeleted", "somebody deleted the stage's pod", over)


def is_node_silent(pod: Object) -> bool:
    """Whether the node controller marked the pod: it alone calls a pod unready whose containers are all ready."""
    unready = condition(pod, "Ready", status="False") and condition(pod, "ContainersReady")
    return pod["status"].get("phase") == "Unknown" or (bool(unready) and has_begun(pod) and not has_ended(pod))


def is_overdue(pod: Object, now: datetime) -> bool:
    """Whether a pod is there still that was to be gone long ago."""
    deleted_at = pod["metadata"].get("deletionTimestamp")
    return bool(deleted_at) and not has_ended(pod) and now > moment(deleted_at) + OVERDUE


def _of_status(reason: str, message: str, over: bool) -> Trouble:
    if reason == "Evicted" and _OVER_LIMIT.search(message):
        return Trouble("StorageExceeded", message, over)
    return Trouble(reason, message, over)


def _stopped_at_deadline(job: Object, pod: Object) -> bool:
    allowed_s, started = job["spec"].get("activeDeadlineSeconds"), job["status"].get("startTime")
    asked = _deletion_asked_at(pod)
    if asked is None or not allowed_s or not started:
        return False
    return asked >= moment(started) + timedelta(seconds=allowed_s)


def _was_deleted(pod: Object, missing: bool) -> bool:
    """Whether its deletion came before its end. A pod that is missing without a word may have ended well before."""
    asked = _deletion_asked_at(pod)
    if asked is None:
        return missing and not has_ended(pod)
    return not has_ended(pod) or _last_end(pod) >= asked


def _deletion_asked_at(pod: Object) -> datetime | None:
    meta = pod["metadata"]
    if not meta.get("deletionTimestamp"):
        return None
    return moment(meta["deletionTimestamp"]) - timedelta(seconds=meta.get("deletionGracePeriodSeconds") or 0)


def _last_end(pod: Object) -> datetime:
    ended = [status["state"]["terminated"].get("finishedAt") for status in statuses(pod) if status["name"] in ends(pod)]
    return max((moment(at) for at in ended if at), default=moment(pod["metadata"]["deletionTimestamp"]))
