"""What one object says of another is so: selectors, ports, references, names that code and manifests share."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from coordinator.settings_reader import BUILDER_TLS_FOLDER, SECRETS_FILE, read_settings
from coordinator.setup.builder_secrets import AUTHORITY_SECRET, CLIENT_SECRET, SERVER_SECRET, make_builder_secrets
from coordinator.setup.own_secrets import make_own_secrets
from coordinator.setup.plan import Plan, read_plan
from coordinator.setup.store_secrets import REGISTRY_FOLDER, make_store_secrets
from shared.keys import OWN_SECRET
from tests.deploy.rendering import Manifests, one, pod_spec, workloads
from tests.fakes.secret_store import FakeSecrets

PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


def settings_of(manifests: Manifests) -> dict[str, str]:
    return dict(one(manifests, "ConfigMap", "kontinuous")["data"])


@pytest.fixture
def made(manifests: Manifests) -> FakeSecrets:
    """The Secrets that the setup makes with the shipped settings."""
    secrets = FakeSecrets()
    plan: Plan = read_plan({**settings_of(manifests), "POD_NAMESPACE": "kontinuous"})
    make_store_secrets(plan, make_own_secrets(plan.namespace, secrets), secrets)
    make_builder_secrets(plan, secrets)
    return secrets


def containers(manifests: Manifests) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for workload in workloads(manifests):
        for container in pod_spec(workload)["containers"]:
            yield workload, container


def test_every_service_selects_the_pods_of_one_workload_and_names_a_port_of_theirs(manifests: Manifests) -> None:
    services = [m for m in manifests if m["kind"] == "Service"]
    assert {s["metadata"]["name"] for s in services} >= {"etcd", "minio", "internal-registry", "builder", "kontinuous"}
    for service in services:
        (workload,) = [m for m in workloads(manifests, service["metadata"]["namespace"]) if selects(service, m)]
        ports = {p["name"] for c in pod_spec(workload)["containers"] for p in c.get("ports", ())}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports, service["metadata"]["name"]


def selects(service: Mapping[str, Any], workload: Mapping[str, Any]) -> bool:
    labels = workload["spec"]["template"]["metadata"]["labels"]
    return bool(service["spec"]["selector"].items() <= labels.items())


def test_services_select_on_labels_that_no_pipeline_file_may_set(manifests: Manifests) -> None:
    keys = {key for m in manifests if m["kind"] == "Service" for key in m["spec"]["selector"]}
    assert keys == {"kontinuous.io/component"}


def test_selectors_are_those_of_the_templates(manifests: Manifests) -> None:
    budgets = [m for m in manifests if m["kind"] == "PodDisruptionBudget"]
    assert budgets
    for holder in [*budgets, *(m for m in workloads(manifests) if m["kind"] != "Job")]:
        wanted = holder["spec"]["selector"]["matchLabels"]
        found = [
            m for m in workloads(manifests) if wanted.items() <= m["spec"]["template"]["metadata"]["labels"].items()
        ]
        assert len(found) == 1, holder["metadata"]["name"]


@pytest.mark.parametrize(
    ("variable", "name", "namespace", "port"),
    [
        ("KV_ADDRESS", "etcd", "kontinuous", 2379),
        ("S3_URL", "minio", "kontinuous", 9000),
        ("KONTINUOUS_URL", "kontinuous", "kontinuous", 3005),
        ("INTERNAL_REGISTRY", "internal-registry", "kontinuous", 5000),
        ("BUILDER_REGISTRY", "internal-registry", "kontinuous", 5000),
        ("BUILDER_ADDRESS", "builder", "kontinuous-builder", 2376),
    ],
)
def test_an_address_in_the_settings_is_a_service(
    manifests: Manifests, variable: str, name: str, namespace: str, port: int
) -> None:
    host, _, given = settings_of(manifests)[variable].rpartition("//")[2].partition(":")
    assert (host, int(given)) in ((name, port), (f"{name}.{namespace}.svc", port))
    assert one(manifests, "Service", name, namespace)["spec"]["ports"][0]["port"] == port


def test_nodes_reach_the_registry_on_the_port_that_the_settings_name(manifests: Manifests) -> None:
    service = one(manifests, "Service", "internal-registry-node")
    node_port = service["spec"]["ports"][0]["nodePort"]
    assert settings_of(manifests)["NODE_REGISTRY"] == f"localhost:{node_port}"


def test_the_builder_takes_the_registry_without_tls(manifests: Manifests) -> None:
    daemon = json.loads(one(manifests, "ConfigMap", "builder", "kontinuous-builder")["data"]["daemon.json"])
    assert daemon["insecure-registries"] == [settings_of(manifests)["BUILDER_REGISTRY"]]


def secret_references(manifests: Manifests) -> Iterator[tuple[str, str, str, str]]:
    """Workload, namespace, Secret and key ("" for all of it)."""
    for workload in workloads(manifests):
        place = workload["metadata"]["name"], workload["metadata"]["namespace"]
        for volume in pod_spec(workload).get("volumes", ()):
            if "secret" in volume:
                yield *place, volume["secret"]["secretName"], ""
        for container in pod_spec(workload)["containers"]:
            for variable in container.get("env", ()):
                if reference := variable.get("valueFrom", {}).get("secretKeyRef"):
                    yield *place, reference["name"], reference["key"]


def test_every_secret_that_a_pod_waits_for_is_made_by_the_setup(manifests: Manifests, made: FakeSecrets) -> None:
    references = list(secret_references(manifests))
    assert len(references) == 6
    for workload, namespace, name, key in references:
        content = made.contents[namespace, name]
        assert not key or content[key], f"{workload}: {name} has no {key}"


def test_no_pod_starts_without_the_secrets_it_mounts(manifests: Manifests) -> None:
    volumes = [v for m in workloads(manifests) for v in pod_spec(m).get("volumes", ()) if "secret" in v]
    assert volumes
    assert not [v for v in volumes if v["secret"].get("optional")]


def test_the_setup_may_read_just_what_it_makes(manifests: Manifests, made: FakeSecrets) -> None:
    for namespace in ("kontinuous", "kontinuous-builder"):
        rules = one(manifests, "Role", "kontinuous-setup", namespace)["rules"]
        (names,) = [rule["resourceNames"] for rule in rules if "get" in rule["verbs"]]
        assert sorted(names) == sorted(name for where, name in made.contents if where == namespace)


def test_the_authoritys_key_is_mounted_nowhere(manifests: Manifests) -> None:
    mounted = {name for _, _, name, _ in secret_references(manifests)}
    assert AUTHORITY_SECRET not in mounted
    assert {SERVER_SECRET, CLIENT_SECRET, OWN_SECRET} <= mounted


def mounts(workload: Mapping[str, Any]) -> dict[str, str]:
    """Volume → where the first container mounts it."""
    return {m["name"]: m["mountPath"] for m in pod_spec(workload)["containers"][0]["volumeMounts"]}


def test_secrets_are_mounted_where_the_code_looks(manifests: Manifests) -> None:
    coordinator = mounts(one(manifests, "Deployment", "kontinuous"))
    assert f"{coordinator['secrets']}/{OWN_SECRET}" == SECRETS_FILE
    assert coordinator["builder-tls"] == BUILDER_TLS_FOLDER
    assert mounts(one(manifests, "StatefulSet", "internal-registry"))["config"] == REGISTRY_FOLDER


def test_the_builders_certificates_are_where_its_engine_looks(manifests: Manifests, made: FakeSecrets) -> None:
    builder = one(manifests, "StatefulSet", "builder", "kontinuous-builder")
    folder = mounts(builder)["tls"]
    files = {
        a.partition("=")[2] for a in pod_spec(builder)["containers"][0]["args"] if a.startswith("--tls") and "=" in a
    }
    assert files == {f"{folder}/{name}" for name in made.contents["kontinuous-builder", SERVER_SECRET]}


def test_every_config_map_is_there(manifests: Manifests) -> None:
    found = 0
    for workload, container in containers(manifests):
        namespace = workload["metadata"]["namespace"]
        volumes = pod_spec(workload).get("volumes", ())
        names = [v["configMap"]["name"] for v in volumes if "configMap" in v]
        names += [source["configMapRef"]["name"] for source in container.get("envFrom", ())]
        for name in names:
            one(manifests, "ConfigMap", name, namespace)
            found += 1
    assert found


def test_every_mount_is_a_volume(manifests: Manifests) -> None:
    for workload, container in containers(manifests):
        volumes = {v["name"] for v in pod_spec(workload).get("volumes", ())}
        volumes |= {t["metadata"]["name"] for t in workload["spec"].get("volumeClaimTemplates", ())}
        assert {m["name"] for m in container.get("volumeMounts", ())} <= volumes, container["name"]


def test_the_shipped_settings_are_complete_with_what_the_setup_makes(
    manifests: Manifests, made: FakeSecrets, tmp_path: Any
) -> None:
    file = tmp_path / OWN_SECRET
    file.write_text(made.contents["kontinuous", OWN_SECRET][OWN_SECRET])
    settings = read_settings(
        {**settings_of(manifests), "KONTINUOUS_SECRETS_FILE": str(file), "POD_NAMESPACE": "kontinuous"}
    )
    assert settings.etcd_login.user == "coordinator"
    assert settings.stage_etcd_login.user == "stage"
    assert settings.registry_login.password
    assert settings.stage_kv_address == "etcd.kontinuous.svc:2379"
    assert settings.pipeline_namespaces == {"*": ("kontinuous-builds",)}
    assert settings.catalogue["command"].image == "kontinuous/command:latest"


def test_no_pod_gets_the_variables_of_services(manifests: Manifests) -> None:
    assert [m["metadata"]["name"] for m in workloads(manifests) if pod_spec(m)["enableServiceLinks"] is not False] == []


def test_everything_that_runs_says_what_it_needs_and_is_probed(manifests: Manifests) -> None:
    for workload, container in containers(manifests):
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}, container["name"]
        assert container["resources"]["limits"].keys() == {"memory"}, container["name"]
        assert container["imagePullPolicy"] == "IfNotPresent"
        if workload["kind"] != "Job" and container["name"] != "pruner":
            assert set(PROBES) <= container.keys(), container["name"]


def test_the_coordinators_probes_ask_what_the_api_answers(manifests: Manifests) -> None:
    (container,) = pod_spec(one(manifests, "Deployment", "kontinuous"))["containers"]
    paths = {probe: container[probe]["httpGet"]["path"] for probe in PROBES}
    assert paths == {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}


def test_one_coordinator_is_always_up(manifests: Manifests) -> None:
    spec = one(manifests, "Deployment", "kontinuous")["spec"]
    assert spec["replicas"] == 2
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert one(manifests, "PodDisruptionBudget", "kontinuous")["spec"]["minAvailable"] == 1
