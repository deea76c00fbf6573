"""The baseline on a cluster: bare Jobs that do nothing, waited for by a pod watch.

Their pods have one container; or they have what a pod of the stage type `command` has (two containers of which ours is
restricted, a postStart hook, four volumes), which is what Kubernetes itself takes for such a stage.
"""

import secrets
import threading
from pathlib import Path
from typing import Any

from kubernetes import client, config, watch
from urllib3.exceptions import HTTPError

LABEL = "bench.kontinuous.io/bare"
LIMIT_S = 600


class BareJobs:
    """Creates Jobs and sees their pods end, all through one watch, as a tool that waits for pods would."""

    def __init__(self, kubeconfig: Path, namespace: str, image: str) -> None:
        api = config.new_client_from_config(str(kubeconfig))
        self._batch, self._core = client.BatchV1Api(api), client.CoreV1Api(api)
        self._namespace, self._image = namespace, image
        self._ended: dict[str, str] = {}
        self._changed = threading.Condition()
        self._watch = watch.Watch()
        self._closed = False
        threading.Thread(target=self._watch_pods, daemon=True).start()

    def chain(self, length: int, like_a_stage: bool = False) -> None:
        """Run Jobs one after another: each is created when the pod of the one before has ended."""
        shape = _like_a_stage(self._image) if like_a_stage else _bare(self._image)
        for _ in range(length):
            name = f"bare-{secrets.token_hex(5)}"
            self._batch.create_namespaced_job(self._namespace, self._job(name, shape))
            with self._changed:
                if not self._changed.wait_for(lambda name=name: name in self._ended, LIMIT_S):
                    raise RuntimeError(f"{name} has not ended in {LIMIT_S} s")
            if self._ended[name] != "Succeeded":
                raise RuntimeError(f"{name} is {self._ended[name]}")

    def close(self) -> None:
        """Remove all of them."""
        self._closed = True
        self._watch.stop()
        self._batch.delete_collection_namespaced_job(
            self._namespace, label_selector=LABEL, propagation_policy="Background"
        )

    def _watch_pods(self) -> None:
        try:
            self._see()
        except HTTPError:  # the watch outlives `close` until the cluster goes
            if not self._closed:
                raise

    def _see(self) -> None:
        for event in self._watch.stream(
            self._core.list_namespaced_pod, self._namespace, label_selector=LABEL, timeout_seconds=24 * 3600
        ):
            pod = event["object"]
            if pod.status.phase in ("Succeeded", "Failed"):
                with self._changed:
                    self._ended[pod.metadata.labels["job-name"]] = pod.status.phase
                    self._changed.notify_all()

    def _job(self, name: str, shape: dict[str, Any]) -> dict[str, Any]:
        pod = {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            **shape,
        }
        labels = {LABEL: "true"}
        return {
            "metadata": {"name": name, "labels": labels},
            "spec": {
                "backoffLimit": 0,
                "ttlSecondsAfterFinished": 600,
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        }


def _container(name: str, image: str, *command: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "image": image, "imagePullPolicy": "IfNotPresent", "command": [*command], **more}


def _bare(image: str) -> dict[str, Any]:
    return {"containers": [_container("user", image, "true")]}


def _like_a_stage(image: str) -> dict[str, Any]:
    """Ours lives for a moment, since its hook must find it alive."""
    memory = {"medium": "Memory", "sizeLimit": "1Mi"}
    volumes: dict[str, Any] = {"tmp": {}, "workspace": {}, "handoff": memory, "credentials": memory}
    mounts = [{"name": name, "mountPath": f"/mnt/{name}"} for name in volumes]
    restricted = {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    hook = {"postStart": {"exec": {"command": ["true"]}}}
    ours = _container("stage", image, "sleep", "0.3", securityContext=restricted, lifecycle=hook, volumeMounts=mounts)
    user = _container("user", image, "true", volumeMounts=mounts[1:3])
    return {
        "containers": [ours, user],
        "volumes": [{"name": name, "emptyDir": folder} for name, folder in volumes.items()],
    }
