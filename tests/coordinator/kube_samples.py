"""Jobs, pods and events as the API of Kubernetes 1.35 gives them, cut down to what tests look at."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from shared.keys import ANNOTATION_BUILD_KEY, CREDENTIALS, LABEL_MANAGED, MANAGED_BY

NAMESPACE = "builds"
BUILD_KEY = "/kontinuous/state/builds/local/ab12/hello/00000003"
OWN_SECRET = "hello-3-0a1b2c3d"
AT_NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
CREATING = {"waiting": {"reason": "ContainerCreating"}}


def at(second: int) -> str:
    """A moment of that day, as Kubernetes spells it."""
    return f"2026-01-31T12:00:{second:02d}Z"


RUNNING = {"running": {"startedAt": at(2)}}


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {"waiting": {"reason": reason, "message": message}}


def ended(code: int, reason: str, message: str = "", second: int = 5) -> dict[str, Any]:
    told = {"exitCode": code, "reason": reason, "startedAt": at(2), "finishedAt": at(second)}
    return {"terminated": {**told, **({"message": message} if message else {})}}


def condition(kind: str, status: str = "True", reason: str = "", message: str = "") -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": at(1)}


def job(
    name: str = "hello-3-test-1",
    *conditions: Mapping[str, str],
    version: int = 100,
    deleted_at: int | None = None,
    **spec: Any,
) -> dict[str, Any]:
    meta = {
        "name": name,
        "namespace": NAMESPACE,
        "uid": f"uid-of-{name}",
        "resourceVersion": str(version),
        "creationTimestamp": at(0),
        "labels": {LABEL_MANAGED: MANAGED_BY},
        "annotations": {ANNOTATION_BUILD_KEY: BUILD_KEY},
        "managedFields": [{"manager": "python", "operation": "Update"}],
        **_deletion(deleted_at, 0),
    }
    status = {"active": 1, "startTime": at(0), "conditions": list(conditions)}
    return {"metadata": meta, "spec": {"backoffLimit": 0, **spec}, "status": status}


def pod(
    *states: Mapping[str, Any],
    conditions: Sequence[Mapping[str, str]] = (),
    phase: str = "",
    version: int = 200,
    deleted_at: int | None = None,
    grace: int = 0,
    owner: str = "hello-3-test-1",
    image: str = "quay.io/acme/shop:1",
    suffix: str = "abcde",
    created_at: int = 0,
    **status: str,
) -> dict[str, Any]:
    """A pod with the containers `stage` and, where there are two states, `user`; without any, no node has told yet."""
    names = ["stage", "user"][: max(1, len(states))]
    told = [
        {"name": n, "image": image, "state": dict(s), "ready": "running" in s}
        for n, s in zip(names, states, strict=bool(states))
    ]
    mounts = [{"name": "credentials", "mountPath": CREDENTIALS, "readOnly": True}]
    return {
        "metadata": {
            "name": f"{owner}-{suffix}",
            "namespace": NAMESPACE,
            "uid": f"uid-of-{owner}-{suffix}",
            "resourceVersion": str(version),
            "creationTimestamp": at(created_at),
            "ownerReferences": [{"kind": "Job", "name": owner, "uid": f"uid-of-{owner}", "controller": True}],
            **_deletion(deleted_at, grace),
        },
        "spec": {
            "nodeName": "node1",
            "containers": [{"name": name, "volumeMounts": mounts if name == "stage" else []} for name in names],
            "volumes": [
                {"name": "credentials", "secret": {"secretName": OWN_SECRET}},
                {"name": "secret-0", "secret": {"secretName": "quay"}},
            ],
        },
        "status": {
            "phase": phase or _phase(states),
            "conditions": list(conditions),
            **({"containerStatuses": told} if told else {}),
            **status,
        },
    }


def event(reason: str, message: str, second: int = 3) -> dict[str, Any]:
    return {"type": "Warning", "reason": reason, "message": message, "lastTimestamp": at(second)}


def _phase(states: Sequence[Mapping[str, Any]]) -> str:
    if states and all("terminated" in state for state in states):
        return "Failed" if any(state["terminated"]["exitCode"] for state in states) else "Succeeded"
    return "Running" if any("running" in state for state in states) else "Pending"


def _deletion(deleted_at: int | None, grace: int) -> dict[str, Any]:
    if deleted_at is None:
        return {}
    return {"deletionTimestamp": at(deleted_at), "deletionGracePeriodSeconds": grace}
