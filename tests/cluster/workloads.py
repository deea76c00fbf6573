"""Pods and Jobs that tests have the cluster run."""

import json
from typing import Any

from tests.cluster.cluster import Cluster

READY_S = 60


def pod_spec(image: str, script: str) -> dict[str, Any]:
    """A pod that runs a Python script and ends with it."""
    container = {"name": "main", "image": image, "imagePullPolicy": "IfNotPresent", "command": ["python", "-c", script]}
    return {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [container]}


def apply(cluster: Cluster, namespace: str, kind: str, name: str, spec: dict[str, Any], version: str = "v1") -> None:
    """Create an object, with its name as its label `app`; raises KubectlError when it is refused."""
    document = {"apiVersion": version, "kind": kind, "metadata": {"name": name, "labels": {"app": name}}, "spec": spec}
    cluster.kubectl("apply", "-n", namespace, "-f", "-", input=json.dumps(document))


def run_job(cluster: Cluster, namespace: str, image: str, script: str) -> str:
    """Run a script as a Job to its end and return its output."""
    spec = {"backoffLimit": 0, "template": {"spec": pod_spec(image, script)}}
    apply(cluster, namespace, "Job", "job", spec, "batch/v1")
    cluster.kubectl("wait", "-n", namespace, "job/job", "--for=condition=Complete", f"--timeout={READY_S}s")
    return cluster.kubectl("logs", "-n", namespace, "job/job")
