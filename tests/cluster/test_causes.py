"""What a stage's pod can die of, provoked on a real cluster: the cause reaches the user, in the API and at GitHub."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from cli.records import BuildName
from shared.api_records import Build, Stage
from tests.cluster.builds import command, finish, pipeline_file, start, statuses
from tests.cluster.cluster import Cluster
from tests.cluster.installation import BUILDS_NAMESPACE, TEAM_NAMESPACE, Installation
from tests.waiting import wait_for

SHOWN_S = 30
"""So soon after Kubernetes shows a cause, the user must see it."""
RUNS_S = 60

pytestmark = pytest.mark.timeout(300, func_only=True)


def sleeper(installation: Installation, **fields: Any) -> dict[str, Any]:
    """A stage that works for long."""
    return command("Sleep", "sleep", "600", image=installation.base_image, **fields)


def stage_of(installation: Installation, name: BuildName) -> Stage:
    return installation.client().build(name)["stages"][0]


def running(installation: Installation, name: BuildName) -> Stage:
    """The first stage once it is at work."""
    return wait_for(lambda: s if (s := stage_of(installation, name))["status"] == "RUNNING" else None, RUNS_S)


def pod_of(installation: Installation, name: BuildName, namespace: str = BUILDS_NAMESPACE) -> str:
    """The name of the pod of a build's newest attempt, once there is one."""
    build = installation.client().build(name)
    labels = f"kontinuous.io/pipeline={name.repository.rpartition('/')[2]},kontinuous.io/build={build['number']}"

    def found() -> str:
        words = ("-n", namespace, "-l", labels, "--sort-by=.metadata.creationTimestamp", "-o", "name")
        return installation.cluster.kubectl("get", "pods", *words).strip().splitlines()[-1:] or ""

    return str(wait_for(found, SHOWN_S)[0])


def assert_told(installation: Installation, build: Build, *words: str, fault: str = "infrastructure") -> None:
    """The first stage has failed for this cause, and so it stands at GitHub."""
    stage = build["stages"][0]
    assert (build["status"], stage["status"], stage["fault"]) == ("FAIL", "FAIL", fault), stage
    for word in words:
        assert word in stage["reason"], stage["reason"]
    sha, context = build["commit"]["sha"], f"kontinuous/{stage['id']}"

    def told() -> bool:  # a stage may have said less before the coordinator knew more
        status = installation.github.statuses(sha).get(context, {"state": "", "description": ""})
        return status["state"] in ("failure", "error") and words[0] in status["description"]

    wait_for(told, SHOWN_S)
    wait_for(lambda: statuses(installation, sha).get("kontinuous") in ("failure", "error"), SHOWN_S)


def assert_waits(installation: Installation, name: BuildName, *words: str) -> None:
    """While it may heal, the cause is shown as what the stage waits for."""

    def told() -> bool:
        text = stage_of(installation, name)["waiting_for"]
        return all(word in text for word in words)

    wait_for(told, SHOWN_S)


def test_an_image_that_its_registry_does_not_have(installation: Installation) -> None:
    name = start(installation, "no-image", command("Try", "true", image="localhost:30500/no/such:1"))
    assert_told(installation, finish(installation, name), "ErrImagePull", "localhost:30500/no/such:1", fault="input")


def test_an_image_whose_registry_is_away(installation: Installation) -> None:
    name = start(installation, "no-registry", command("Try", "true", image="localhost:1/no/such:1"))
    assert_waits(installation, name, "localhost:1/no/such:1", "cannot be pulled")
    assert_told(installation, finish(installation, name), "waited 20 s in vain", "RegistryUnavailable")


def test_a_secret_that_is_not_there(installation: Installation) -> None:
    stage = command("Try", "true", image=installation.base_image, secrets=["nobody-made-me"])
    build = finish(installation, start(installation, "no-secret", stage))
    assert_told(installation, build, "SecretNotFound", "'nobody-made-me'", BUILDS_NAMESPACE, fault="input")


def test_a_pod_that_no_node_has_room_for(installation: Installation) -> None:
    huge = {"requests": {"cpu": "1000"}, "limits": {"cpu": "1000"}}
    name = start(installation, "no-room", command("Try", "true", image=installation.base_image, resources=huge))
    assert_waits(installation, name, "no node takes it", "Insufficient cpu")
    assert_told(installation, finish(installation, name), "waited 20 s in vain", "Insufficient cpu")


@pytest.fixture
def quota(cluster: Cluster, installation: Installation) -> Iterator[None]:
    """No room for any pod in the second namespace of pipelines."""
    spec = {"hard": {"pods": "0"}}
    document = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": spec}
    cluster.kubectl("apply", "-n", TEAM_NAMESPACE, "-f", "-", input=json.dumps(document))
    yield
    cluster.kubectl("delete", "resourcequota", "none", "-n", TEAM_NAMESPACE)


@pytest.mark.usefixtures("quota")
def test_a_quota_that_is_used_up(installation: Installation) -> None:
    stage = command("Try", "true", image=installation.base_image)
    files = {".pipeline.yml": pipeline_file(stage, namespace=TEAM_NAMESPACE)}
    repository = installation.add_repository("acme", "no-quota", files)
    client = installation.client()
    client.create_pipeline(repository)
    name = BuildName(repository, client.start_build(repository, "main", [])["number"])
    assert_waits(installation, name, "quota")
    assert_told(installation, finish(installation, name), "waited 20 s in vain", "QuotaExceeded")


def test_a_command_that_needs_more_memory_than_its_limit(installation: Installation) -> None:
    script = "import time; time.sleep(1); x = b'x' * (1 << 30)"
    limits = {"limits": {"memory": "64Mi"}}
    stage = command("Eat", "python3", "-c", script, image=installation.base_image, resources=limits)
    build = finish(installation, start(installation, "oom", stage))
    assert_told(installation, build, "ran out of memory", "64Mi", fault="user")


def test_a_stage_that_takes_longer_than_its_timeout(installation: Installation) -> None:
    build = finish(installation, start(installation, "late", sleeper(installation, timeout="3s")))
    assert_told(installation, build, "longer than its timeout of 3 s", fault="user")


def test_a_pod_that_is_evicted(installation: Installation) -> None:
    name = start(installation, "evicted", sleeper(installation))
    running(installation, name)
    pod = pod_of(installation, name).removeprefix("pod/")
    meta = {"name": pod, "namespace": BUILDS_NAMESPACE}
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": meta}
    path = f"/api/v1/namespaces/{BUILDS_NAMESPACE}/pods/{pod}/eviction"
    installation.cluster.kubectl("create", "--raw", path, "-f", "-", input=json.dumps(eviction))
    assert_told(installation, finish(installation, name), "Evicted", "was evicted")


def test_a_pod_that_somebody_deletes(installation: Installation) -> None:
    name = start(installation, "deleted", sleeper(installation))
    running(installation, name)
    installation.cluster.kubectl("delete", pod_of(installation, name), "-n", BUILDS_NAMESPACE, "--wait=false")
    assert_told(installation, finish(installation, name), "PodDeleted", "deleted")


def test_what_failed_before_the_users_work_began_is_tried_again(installation: Installation) -> None:
    name = start(installation, "again", command("Try", "true", image="localhost:1/no/such:1"))
    assert_waits(installation, name, "cannot be pulled")
    installation.cluster.kubectl("delete", pod_of(installation, name), "-n", BUILDS_NAMESPACE, "--wait=false")
    wait_for(lambda: stage_of(installation, name)["attempt"] == 2, SHOWN_S)
    installation.client().cancel(name)
    assert finish(installation, name)["status"] == "CANCELLED"


def test_a_node_that_dies(installation: Installation, engine: Any) -> None:
    cluster = installation.cluster
    with cluster.second_node() as node:
        for image in (installation.base_image, installation.images["command"]):
            cluster.load(image, engine, node)
        cluster.kubectl("cordon", "node1")
        try:
            name = start(installation, "node-lost", sleeper(installation))
            running(installation, name)
        finally:
            cluster.kubectl("uncordon", "node1")
        cluster.lose(node)
        build = finish(installation, name)
    assert_told(installation, build, "NodeLost", "node")
