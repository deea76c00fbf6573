"""Kubernetes' Jobs and pods as plain dicts, cut down to what is read of them, and how to read it. Pure.

A Job and its pod carry the whole manifest, the stage's context and the API server's own notes: some 100 KiB as Python
objects. What is kept of them for as long as the Job is there is a twentieth of it.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from shared.keys import ANNOTATION_BUILD_KEY, BUILDER_TLS, CREDENTIALS
from shared.ports import ContainerEnd, JobRef

Object = Mapping[str, Any]

_META = (
    "name", "namespace", "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp",
    "deletionGracePeriodSeconds", "ownerReferences",
)  # fmt: skip
_SPEC = ("activeDeadlineSeconds", "suspend", "nodeName")
_STATUS = ("phase", "reason", "message", "startTime")
_CONDITION = ("type", "status", "reason", "message", "lastTransitionTime")
_CONTAINER = ("name", "image", "state")
_ENDED = ("Succeeded", "Failed")


def slim(made: Object) -> dict[str, Any]:
    """What is read of a Job or a pod, in the same places; `spec.ownSecrets` names the Secrets that are ours."""
    spec, status = made.get("spec") or {}, made.get("status") or {}
    annotations = made["metadata"].get("annotations") or {}
    return {
        "metadata": {**_pick(made["metadata"], _META), "annotations": _pick(annotations, (ANNOTATION_BUILD_KEY,))},
        "spec": {
            **_pick(spec, _SPEC),
            "containers": [_pick(container, ("name",)) for container in spec.get("containers") or ()],
            "ownSecrets": sorted(_own_secrets(spec)),
        },
        "status": {
            **_pick(status, _STATUS),
            "conditions": [_pick(condition, _CONDITION) for condition in status.get("conditions") or ()],
            "containerStatuses": [_pick(each, _CONTAINER) for each in status.get("containerStatuses") or ()],
        },
    }


def ref_of(job: Object) -> JobRef:
    """Which Job an object is."""
    return JobRef(job["metadata"]["namespace"], job["metadata"]["name"])


def owner_of(pod: Object) -> tuple[JobRef, str] | None:
    """Which Job a pod belongs to, and the Job's uid; None where it belongs to none."""
    owners = pod["metadata"].get("ownerReferences") or ()
    namespace = pod["metadata"]["namespace"]
    return next(((JobRef(namespace, o["name"]), o["uid"]) for o in owners if o["kind"] == "Job"), None)


def build_key_of(job: Object) -> str:
    """The annotation that says which build a Job belongs to."""
    return str((job["metadata"].get("annotations") or {}).get(ANNOTATION_BUILD_KEY, ""))


def version_of(made: Object) -> int:
    """Which of two states of the API server's store is newer; 0 where its versions are no numbers."""
    text = str(made["metadata"].get("resourceVersion", ""))
    return int(text) if text.isdecimal() else 0


def condition(made: Object, *types: str, status: str = "True") -> Object:
    """The first condition of these types that has this status; {} where there is none."""
    conditions = made.get("status", {}).get("conditions") or ()
    return next((c for c in conditions if c["type"] in types and c["status"] == status), {})


def statuses(pod: Object) -> list[Object]:
    """The statuses of the pod's containers, as far as its node has told any."""
    return list(pod.get("status", {}).get("containerStatuses") or ())


def ends(pod: Object) -> dict[str, ContainerEnd]:
    """How the containers that have ended did, by name."""
    return {status["name"]: _end(ended) for status in statuses(pod) if (ended := status["state"].get("terminated"))}


def has_ended(pod: Object) -> bool:
    """Whether all containers have, or never will begin."""
    names = [container["name"] for container in pod["spec"]["containers"]]
    return pod["status"].get("phase") in _ENDED or (bool(names) and set(names) <= ends(pod).keys())


def has_begun(pod: Object) -> bool:
    """Whether any container has."""
    return any("running" in status["state"] or "terminated" in status["state"] for status in statuses(pod))


def scheduled_at(pod: Object) -> str:
    """When the pod got its node, in whole seconds; "" where it has none."""
    return str(condition(pod, "PodScheduled").get("lastTransitionTime", ""))


def containers_started_at(pod: Object) -> str:
    """When the last of its containers began, in whole seconds; "" before all have."""
    begun = {s["name"]: s["state"].get("running") or s["state"].get("terminated") for s in statuses(pod)}
    if not begun or len(begun) < len(pod["spec"]["containers"]) or not all(begun.values()):
        return ""
    return max(str(state.get("startedAt") or "") for state in begun.values() if state)


def moment(text: str) -> datetime:
    """Read one of Kubernetes' times."""
    return datetime.fromisoformat(text)


def _pick(made: Object, names: Iterable[str]) -> dict[str, Any]:
    return {name: made[name] for name in names if name in made}


def _own_secrets(spec: Object) -> set[str]:
    """The Secrets in the volumes that a container has at the places of our own credentials."""
    mounts = [mount for container in spec.get("containers") or () for mount in container.get("volumeMounts") or ()]
    volumes = {mount["name"] for mount in mounts if mount["mountPath"] in (CREDENTIALS, BUILDER_TLS)}
    return {v["secret"]["secretName"] for v in spec.get("volumes") or () if v["name"] in volumes and "secret" in v}


def _end(ended: Object) -> ContainerEnd:
    code, reason = int(ended["exitCode"]), str(ended.get("reason") or "Error")
    # The runtime's word is OOMKilled also where the kernel killed a child, and PID 1 lived on to end well.
    return ContainerEnd(code, "Completed" if code == 0 else reason)
