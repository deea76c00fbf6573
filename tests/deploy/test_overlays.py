"""The single file, and what operators and the tests put on top of deploy/."""

import json
from pathlib import Path

import pytest
import yaml

from coordinator.setup.own_secrets import OWN_SECRET
from coordinator.setup.plan import read_plan
from local.image_push import CLUSTER
from tests.deploy.pod_security import restricted_violations
from tests.deploy.rendering import DEPLOY, ROOT, Manifests, one, overlay, pod_spec, rendered, workloads

SINGLE_FILE = ROOT / "k8s-spec.yml.example"
TEST_OVERLAY = ROOT / "tests" / "cluster" / "overlay"
REFERENCES = {name: f"registry.example.com/ci/{name}:0123456789ab" for name in CLUSTER}


def images(manifests: Manifests) -> set[str]:
    return {c["image"] for m in workloads(manifests) for c in pod_spec(m)["containers"]}


def test_the_single_file_is_what_deploy_renders_to(manifests: Manifests) -> None:
    assert list(yaml.safe_load_all(SINGLE_FILE.read_text())) == manifests, "run `make k8s-spec`"


def test_namespaces_come_first_so_that_one_apply_suffices(manifests: Manifests) -> None:
    kinds = [m["kind"] for m in yaml.safe_load_all(SINGLE_FILE.read_text())]
    assert kinds[:3] == ["Namespace"] * 3
    assert "Namespace" not in kinds[3:]


def test_the_images_of_the_manifests_are_the_ones_that_are_built(manifests: Manifests) -> None:
    stages = json.loads(one(manifests, "ConfigMap", "kontinuous")["data"]["STAGE_IMAGES"])
    assert images(manifests) | set(stages.values()) == {f"kontinuous/{name}:latest" for name in CLUSTER}


@pytest.mark.parametrize("base", [DEPLOY / "default", TEST_OVERLAY], ids=lambda path: path.name)
def test_pushed_images_take_the_place_of_all(base: Path, tmp_path: Path) -> None:
    found = rendered(overlay(tmp_path, base, REFERENCES))
    stages = json.loads(one(found, "ConfigMap", "kontinuous")["data"]["STAGE_IMAGES"])
    assert stages == {name: REFERENCES[name] for name in ("command", "docker_build", "docker_publish")}
    assert images(found) | set(stages.values()) == set(REFERENCES.values())


def test_what_an_operator_sets_outlives_other_images(tmp_path: Path) -> None:
    settings = {"KONTINUOUS_URL": "https://ci.example.com", "PIPELINE_NAMESPACES": '{"github.com/acme/*": ["team-a"]}'}
    patch = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kontinuous", "namespace": "kontinuous"}}
    more = f"  - patch: |-\n      {json.dumps({**patch, 'data': settings})}\n"
    for tag in ("1", "2"):
        references = {name: f"registry.example.com/ci/{name}:{tag}" for name in CLUSTER}
        data = one(rendered(overlay(tmp_path, DEPLOY / "default", references, more)), "ConfigMap", "kontinuous")["data"]
        assert data.items() >= settings.items()
        assert json.loads(data["STAGE_IMAGES"])["command"] == references["command"]


def test_the_overlay_of_the_tests_changes_volumes_and_requests_only(manifests: Manifests) -> None:
    found = rendered(TEST_OVERLAY)
    assert [(m["kind"], m["metadata"]["name"]) for m in found] == [
        (m["kind"], m["metadata"]["name"]) for m in manifests
    ]
    for workload in workloads(found):
        assert "volumeClaimTemplates" not in workload["spec"]
        if workload["kind"] == "StatefulSet":
            assert {"name": "data", "emptyDir": {}} in pod_spec(workload)["volumes"]
    for workload in workloads(found, "kontinuous"):
        assert restricted_violations(pod_spec(workload)) == []


def test_a_further_namespace_is_that_of_everything_in_it(team_a: Manifests) -> None:
    assert one(team_a, "Namespace", "team-a")
    assert {m["metadata"].get("namespace", "team-a") for m in team_a} == {"team-a"}


def test_with_stores_of_ones_own_only_the_coordinator_and_the_setup_run() -> None:
    found = rendered(DEPLOY / "own-stores")
    assert {m["metadata"]["name"] for m in workloads(found)} == {"kontinuous", "kontinuous-setup"}
    assert {m["metadata"]["name"] for m in found if m["kind"] == "Namespace"} == {"kontinuous", "kontinuous-builds"}
    plan = read_plan({**one(found, "ConfigMap", "kontinuous")["data"], "POD_NAMESPACE": "kontinuous"})
    assert (plan.s3, plan.registry, plan.builder) == (None, None, None)
    assert plan.s3_url.startswith("https://")
    assert plan.s3_region != "us-east-1"
    needed = {
        v["secret"]["secretName"] for m in workloads(found) for v in pod_spec(m).get("volumes", ()) if "secret" in v
    }
    assert needed == {OWN_SECRET, "builder-client"}
