"""The example on a real Kubernetes: from the command line through all three stage types to statuses and images."""

from pathlib import Path
from typing import Any

import pytest

from cli.records import BuildName
from tests.cluster.builds import command, finish, give_secret, kontinuous, log, pipeline_file, start, statuses
from tests.cluster.installation import BUILDS_NAMESPACE, REGISTRY, REGISTRY_LOGIN, Installation
from tests.waiting import wait_for

EXAMPLE = Path(__file__).parents[2] / "examples" / "hello"

pytestmark = pytest.mark.timeout(400, func_only=True)


def example_files() -> dict[str, str]:
    """The example as it is, but for the namespace and the registry that this cluster has."""
    found = {str(path.relative_to(EXAMPLE)): path.read_text() for path in EXAMPLE.rglob("*") if _is_source(path)}
    pipeline = found[".pipeline.yml"]
    for old, new in (("namespace: examples", f"namespace: {BUILDS_NAMESPACE}"), ("localhost:5050", REGISTRY)):
        assert old in pipeline
        pipeline = pipeline.replace(old, new)
    return found | {".pipeline.yml": pipeline}


def _is_source(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts


def leftovers(installation: Installation, pipeline: str) -> list[str]:
    """Secrets of a pipeline's builds that are still there; Jobs go by themselves after their time."""
    selector = ("-n", BUILDS_NAMESPACE, "-l", "app.kubernetes.io/managed-by=kontinuous", "-o", "name")
    found = installation.cluster.kubectl("get", "secrets", *selector).split()
    return [name for name in found if name.startswith(f"secret/{pipeline}-")]


def test_the_example_is_built_tested_and_published(installation: Installation) -> None:
    give_secret(installation, "docker-credentials", username=REGISTRY_LOGIN[0], password=REGISTRY_LOGIN[1])
    repository = installation.add_repository("examples", "hello", example_files())
    created = kontinuous(installation, "create", "pipeline", repository)
    assert created.returncode == 0, created.stderr
    done = kontinuous(installation, "create", "build", repository, "--follow")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "unit-test | OK" in done.stdout

    build = installation.client().build(BuildName(repository, 1))
    assert [(stage["status"], stage["attempt"]) for stage in build["stages"]] == [("SUCCESS", 1)] * 3
    (image,) = build["stages"][2]["result"]["images"]
    assert image["name"] == f"{REGISTRY}/examples/hello"
    assert image["digest"] == build["stages"][0]["result"]["image"].partition("@")[2]
    for stage in build["stages"]:
        text = log(installation, build, stage["id"])
        assert len(text) == stage["log_bytes"] > 0
        assert REGISTRY_LOGIN[1].encode() not in text
    spans = [span["name"] for span in build["stages"][1]["waterfall"]]
    assert spans == ["queued", "scheduled", "started", "claimed", "cloned", "worked", "uploaded", "reported"]

    expected = {"kontinuous": "success"} | {f"kontinuous/{stage['id']}": "success" for stage in build["stages"]}
    wait_for(lambda: statuses(installation, build["commit"]["sha"]) == expected, 30)
    wait_for(lambda: not leftovers(installation, "hello"), 30)
    assert_image_runs(installation, image)


def assert_image_runs(installation: Installation, image: Any) -> None:
    """The published image answers, as it would for whoever pulls it: a node pulls it back, by its digest."""
    digest = installation.cluster.kubectl(
        "run", "published", "-n", "outside", "--rm", "-i", "--restart=Never", "--quiet",
        f"--image={installation.images['command']}", "--command", "--",
        "python3", "-c",
        "import sys, urllib.request as u, base64;"
        f"r = u.Request('http://{REGISTRY}/v2/examples/hello/manifests/latest', method='HEAD', headers={{"
        "'Accept': 'application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json',"
        f"'Authorization': 'Basic ' + base64.b64encode(b'{':'.join(REGISTRY_LOGIN)}').decode()}});"
        "print(u.urlopen(r).headers['Docker-Content-Digest'])",
    )  # fmt: skip
    assert digest.strip() == image["digest"]


def test_a_failing_command_shows_its_cause_everywhere(installation: Installation) -> None:
    stage = command("Red", "sh", "-c", "echo these are the last words; exit 7", image=installation.base_image)
    build = finish(
        installation, start(installation, "red", stage, command("After", "true", image=installation.base_image))
    )
    assert [(s["status"], s["fault"], s["exit_code"]) for s in build["stages"]] == [
        ("FAIL", "user", 7),
        ("SKIPPED", "", None),
    ]
    assert b"these are the last words\n" in log(installation, build, "red")
    shown = kontinuous(installation, "get", "stages", f"{build['repository']}/{build['number']}")
    assert "FAIL" in shown.stdout
    wait_for(lambda: statuses(installation, build["commit"]["sha"]).get("kontinuous") == "failure", 30)
    status = installation.github.statuses(build["commit"]["sha"])["kontinuous/red"]
    assert (status["state"], "exited with 7" in status["description"]) == ("failure", True)


def test_a_build_goes_on_when_a_coordinator_is_killed_in_its_middle(installation: Installation) -> None:
    stages = [command(f"Stage {n}", "sleep", "2", image=installation.base_image) for n in range(3)]
    name = start(installation, "killed", *stages)
    client = installation.client()
    wait_for(lambda: client.build(name)["stages"][0]["status"] == "RUNNING", 60)
    victim, _other = (pod["metadata"]["name"] for pod in installation.coordinators())
    installation.cluster.kubectl("delete", "pod", victim, "-n", "kontinuous", "--grace-period=0", "--force")
    build = finish(installation, name)
    assert [(stage["status"], stage["attempt"]) for stage in build["stages"]] == [("SUCCESS", 1)] * 3
    wait_for(lambda: len(installation.coordinators()) == 2, 120)


def test_a_cancelled_build_ends_with_its_containers(installation: Installation) -> None:
    name = start(installation, "cancelled", command("Long", "sleep", "600", image=installation.base_image))
    client = installation.client()
    wait_for(lambda: client.build(name)["stages"][0]["status"] == "RUNNING", 60)
    assert kontinuous(installation, "cancel", str(name)).returncode == 0
    build = finish(installation, name)
    assert (build["status"], build["stages"][0]["status"]) == ("CANCELLED", "CANCELLED")
    selector = ("-n", BUILDS_NAMESPACE, "-l", f"kontinuous.io/pipeline={build['repository'].rpartition('/')[2]}")
    wait_for(lambda: not installation.cluster.kubectl("get", "pods", *selector, "-o", "name").strip(), 60)


def test_a_namespace_that_is_not_allowed_is_refused_before_anything_is_made(installation: Installation) -> None:
    stage = command("Any", "true", image=installation.base_image)
    files = {".pipeline.yml": pipeline_file(stage, namespace="kube-system")}
    repository = installation.add_repository("acme", "elsewhere", files)
    assert kontinuous(installation, "create", "pipeline", repository).returncode == 0
    refused = kontinuous(installation, "create", "build", repository)
    assert refused.returncode == 2
    assert "'kube-system'" in refused.stderr
    assert BUILDS_NAMESPACE in refused.stderr
    assert installation.client().builds(repository, 5) == []
