"""The openings, each with what must stay shut beside it."""

import pytest

from shared.keys import LABEL_MANAGED, MANAGED_BY
from tests.deploy.network import End, Network
from tests.deploy.rendering import Manifests, workloads

COMPONENT = "kontinuous.io/component"


def ours(component: str, namespace: str = "kontinuous") -> End:
    return End(namespace, {COMPONENT: component, "app.kubernetes.io/part-of": "kontinuous"})


COORDINATOR, SETUP, ETCD, MINIO = (ours(name) for name in ("coordinator", "setup", "etcd", "minio"))
REGISTRY = ours("internal-registry")
BUILDER = ours("builder", "kontinuous-builder")
STAGE = End("kontinuous-builds", {LABEL_MANAGED: MANAGED_BY, "app": "shop"})
STRANGER = End("kontinuous-builds", {"app": "shop"})
GITHUB = End(address="140.82.121.3")
GITHUB_V6 = End(address="2606:50c0:8000::153")
NODE = End(address="10.0.0.7")
METADATA = End(address="169.254.169.254")
PRIVATE = (NODE, METADATA, End(address="192.168.1.1"), End(address="172.20.0.1"), End(address="fd00::1"))

OPEN = [
    (COORDINATOR, ETCD, 2379),
    (COORDINATOR, MINIO, 9000),
    (COORDINATOR, GITHUB, 443),
    (COORDINATOR, NODE, 6443),  # the Kubernetes API
    (SETUP, ETCD, 2379),
    (SETUP, MINIO, 9000),
    (SETUP, NODE, 443),
    (STAGE, ETCD, 2379),
    (STAGE, MINIO, 9000),
    (STAGE, BUILDER, 2376),
    (STAGE, GITHUB, 443),
    (STAGE, GITHUB_V6, 443),
    (BUILDER, REGISTRY, 5000),
    (BUILDER, GITHUB, 443),
    (NODE, REGISTRY, 5000),
    (NODE, COORDINATOR, 3005),
    (End("ingress"), COORDINATOR, 3005),
]
SHUT = [
    *((STAGE, other, port) for other in PRIVATE for port in (80, 443, 2379)),
    *((BUILDER, other, port) for other in PRIVATE for port in (80, 443, 2376)),
    (STAGE, REGISTRY, 5000),  # it goes through the builder
    (STAGE, ETCD, 2380),
    (STAGE, COORDINATOR, 3005),
    (STAGE, STAGE, 8080),
    (BUILDER, ETCD, 2379),  # the steps of a Dockerfile have the builder's network
    (BUILDER, MINIO, 9000),
    (BUILDER, BUILDER, 2376),
    (COORDINATOR, BUILDER, 2376),
    (COORDINATOR, REGISTRY, 5000),
    (ETCD, GITHUB, 443),
    (ETCD, MINIO, 9000),
    (MINIO, GITHUB, 443),
    (REGISTRY, GITHUB, 443),
    (REGISTRY, ETCD, 2379),
    (STRANGER, ETCD, 2379),
    (STRANGER, GITHUB, 443),
    (STRANGER, BUILDER, 2376),
    (NODE, ETCD, 2379),
    (NODE, STAGE, 8080),
    (NODE, BUILDER, 2376),
    (GITHUB, MINIO, 9000),
]


def named(end: End) -> str:
    return end.address or f"{end.namespace}/{end.labels.get(COMPONENT) or end.labels.get(LABEL_MANAGED, 'stranger')}"


def ids(case: object) -> str:
    return named(case) if isinstance(case, End) else str(case)


@pytest.mark.parametrize(("source", "target", "port"), OPEN, ids=ids)
def test_what_must_go_through_does(manifests: Manifests, source: End, target: End, port: int) -> None:
    assert Network(manifests).allows(source, target, port)


@pytest.mark.parametrize(("source", "target", "port"), SHUT, ids=ids)
def test_what_nobody_needs_is_shut(manifests: Manifests, source: End, target: End, port: int) -> None:
    everywhere_else = [m for m in manifests if m["kind"] != "NetworkPolicy"]
    if not (source.address and target.address):
        assert Network(everywhere_else).allows(source, target, port), "without policies everything is open"
    assert not Network(manifests).allows(source, target, port)


@pytest.mark.parametrize("source", [COORDINATOR, SETUP, STAGE, BUILDER], ids=named)
def test_names_can_be_resolved(manifests: Manifests, source: End) -> None:
    for protocol in ("UDP", "TCP"):
        assert Network(manifests).allows(source, End(address="169.254.20.10"), 53, protocol)


@pytest.mark.parametrize("source", [ETCD, MINIO, REGISTRY], ids=named)
def test_a_store_asks_nobody(manifests: Manifests, source: End) -> None:
    assert not Network(manifests).allows(source, End(address="10.96.0.10"), 53, "UDP")


def test_every_pod_is_under_the_general_denial_and_a_policy_of_its_own(manifests: Manifests) -> None:
    network = Network(manifests)
    for workload in workloads(manifests):
        pod = End(workload["metadata"]["namespace"], workload["spec"]["template"]["metadata"]["labels"])
        denial, *own = sorted(network.policies_of(pod), key=lambda name: name != "default-deny")
        assert denial == "default-deny"
        assert len(own) == 1, f"{workload['metadata']['name']}: {own}"


def test_a_further_pipeline_namespace_has_the_same_openings(manifests: Manifests, team_a: Manifests) -> None:
    network = Network([*manifests, *team_a])
    stage = End("team-a", STAGE.labels)
    for target, port in ((ETCD, 2379), (MINIO, 9000), (BUILDER, 2376), (GITHUB, 443)):
        assert network.allows(stage, target, port)
    for target, port in ((REGISTRY, 5000), (NODE, 443), (STAGE, 80)):
        assert not network.allows(stage, target, port)
