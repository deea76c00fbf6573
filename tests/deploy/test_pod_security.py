"""Who may do what on a node: our own pods nothing, the builder everything, and it alone."""

import copy
from typing import Any

import pytest

from coordinator.build_secret import credential_files
from coordinator.manifests import job_manifest
from shared.keys import STAGE_CONTAINER, slug
from tests.coordinator.samples import BUILD, PUBLISH, TEST, build, settings, with_attempt
from tests.deploy.pod_security import baseline_violations, container_violations, restricted_violations
from tests.deploy.rendering import Manifests, one, pod_spec, workloads

PROFILE = "pod-security.kubernetes.io/enforce"
OWN = ("coordinator", "etcd", "minio", "internal-registry", "setup")


def test_each_namespace_enforces_its_profile(manifests: Manifests) -> None:
    profiles = {m["metadata"]["name"]: m["metadata"]["labels"][PROFILE] for m in manifests if m["kind"] == "Namespace"}
    assert profiles == {
        "kontinuous": "restricted",
        "kontinuous-builder": "privileged",
        "kontinuous-builds": "baseline",
    }


def test_every_pod_of_our_namespace_passes_the_restricted_profile(manifests: Manifests) -> None:
    ours = workloads(manifests, "kontinuous")
    components = {m["spec"]["template"]["metadata"]["labels"]["kontinuous.io/component"] for m in ours}
    assert components == set(OWN)
    assert {m["metadata"]["name"]: restricted_violations(pod_spec(m)) for m in ours} == {
        m["metadata"]["name"]: [] for m in ours
    }


def test_no_container_of_ours_may_write_to_its_image(manifests: Manifests) -> None:
    for workload in workloads(manifests, "kontinuous"):
        for container in pod_spec(workload)["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"] is True, container["name"]


def test_in_the_builders_namespace_only_the_engine_is_privileged(manifests: Manifests) -> None:
    (workload,) = workloads(manifests, "kontinuous-builder")
    privileged = [c["name"] for c in pod_spec(workload)["containers"] if c["securityContext"].get("privileged")]
    assert privileged == ["builder"]


@pytest.mark.parametrize("spec", [BUILD, TEST, PUBLISH], ids=lambda spec: spec.type)
def test_a_stage_passes_where_pipelines_run(spec: Any) -> None:
    made = with_attempt(build(spec), slug(spec.name))
    stage = made.stages[0]
    chosen = settings(docker_host="tcp://builder.kontinuous-builder.svc:2376", builder_tls={"ca.pem": "x"})
    job = job_manifest(made, stage, stage.attempts[0], chosen, credential_files(chosen))
    pod = pod_spec(job)
    (ours,) = [c for c in pod["containers"] if c["name"] == STAGE_CONTAINER]
    assert baseline_violations(pod) == []
    assert container_violations(ours, pod.get("securityContext", {})) == []


def test_only_what_talks_to_kubernetes_has_a_token(manifests: Manifests) -> None:
    with_token = {m["metadata"]["name"] for m in workloads(manifests) if pod_spec(m)["automountServiceAccountToken"]}
    assert with_token == {"kontinuous", "kontinuous-setup"}


@pytest.mark.parametrize(
    ("change", "violation"),
    [
        (lambda pod: pod.update(hostNetwork=True), "hostNetwork"),
        (lambda pod: pod["volumes"].append({"name": "node", "hostPath": {"path": "/"}}), "volume node"),
        (lambda pod: pod["volumes"].append({"name": "nfs", "nfs": {}}), "volume nfs"),
        (lambda pod: pod["securityContext"].pop("runAsNonRoot"), "etcd: runAsNonRoot"),
        (lambda pod: pod["securityContext"].pop("seccompProfile"), "etcd: seccompProfile"),
        (lambda pod: pod["securityContext"].update(runAsUser=0), "etcd: runAsUser"),
        (lambda pod: pod["containers"][0]["securityContext"].pop("capabilities"), "etcd: capabilities.drop"),
        (lambda pod: pod["containers"][0]["securityContext"].pop("allowPrivilegeEscalation"), "etcd: allowPrivile"),
        (lambda pod: pod["containers"][0]["ports"].append({"hostPort": 1}), "etcd: hostPort"),
        (lambda pod: pod["containers"][0]["securityContext"].update(privileged=True), "etcd: privileged"),
    ],
)
def test_a_pod_that_asks_for_more_is_seen(manifests: Manifests, change: Any, violation: str) -> None:
    pod = copy.deepcopy(pod_spec(one(manifests, "StatefulSet", "etcd")))
    pod.setdefault("volumes", [])
    change(pod)
    assert [v for v in restricted_violations(pod) if v.startswith(violation)]
