"""How far an installation is: which of its workloads are ready, and what the pods of the others say."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

Object = Mapping[str, Any]


class State(NamedTuple):
    """Names of workloads, and a sentence for each pod that something is wrong with."""

    ready: list[str]
    waiting: list[str]
    troubles: list[str]


def state_of(objects: Iterable[Object]) -> State:
    """Read Deployments, StatefulSets, Jobs and Pods, as Kubernetes lists them."""
    ready, waiting, troubles = list[str](), list[str](), list[str]()
    for each in objects:
        name = each["metadata"]["name"]
        if each["kind"] == "Pod":
            troubles += [f"{name}: {trouble}" for trouble in _troubles(each)]
        else:
            (ready if _is_ready(each) else waiting).append(name)
    return State(sorted(ready), sorted(waiting), sorted(troubles))


def _is_ready(workload: Object) -> bool:
    status, meta = workload.get("status", {}), workload["metadata"]
    if workload["kind"] == "Job":
        return int(status.get("succeeded") or 0) > 0
    wanted = workload["spec"].get("replicas", 1)
    counts = [status.get(name) or 0 for name in ("updatedReplicas", "readyReplicas", "availableReplicas")]
    return status.get("observedGeneration", 0) >= meta.get("generation", 0) and all(n >= wanted for n in counts)


def _troubles(pod: Object) -> Iterable[str]:
    status = pod.get("status", {})
    for condition in status.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] != "True":
            yield str(condition.get("message") or condition.get("reason") or "it has no node")
    for container in [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]:
        waiting = container.get("state", {}).get("waiting") or {}
        if waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
            yield ": ".join(filter(None, (waiting["reason"], str(waiting.get("message", "")).partition("\n")[0])))
