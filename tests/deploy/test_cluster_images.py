"""The two images that only a cluster runs, and their contexts."""

import subprocess
from collections.abc import Mapping

import pytest

from local.engine import Engine
from local.home import Home
from local.images import ensure_images
from local.recipes import RECIPES
from tests.deploy.rendering import ROOT, Manifests, one, pod_spec


@pytest.fixture(scope="module")
def cluster_images(engine: Engine, home: Home) -> Mapping[str, str]:
    return ensure_images(engine, home.cache, print, ["coordinator", "builder"])


def run(engine: Engine, image: str, *command: str) -> str:
    with engine.client() as client:
        output = client.containers.run(image, list(command[1:]), entrypoint=command[0], remove=True, read_only=True)
    return bytes(output).decode()


@pytest.mark.parametrize("modules", ["coordinator.__main__", "coordinator.setup.__main__"])
def test_the_coordinators_image_imports_all_it_needs(
    engine: Engine, cluster_images: Mapping[str, str], modules: str
) -> None:
    libraries = "from shared.etcd_messages import prepare_messages; prepare_messages(); import kubernetes, etcd3, minio"
    program = f"import {modules}, os, sys; {libraries}; print(os.getuid(), sys.version_info[:2])"
    assert run(engine, cluster_images["coordinator"], "python3", "-c", program) == "65532 (3, 13)\n"


def test_the_builders_image_has_what_its_pod_runs(
    engine: Engine, cluster_images: Mapping[str, str], manifests: Manifests
) -> None:
    engine_container, pruner = pod_spec(one(manifests, "StatefulSet", "builder", "kontinuous-builder"))["containers"]
    words = (*engine_container["readinessProbe"]["exec"]["command"], *pruner["command"])
    programs = [word for word in words if word.endswith(".py")]
    assert len(programs) == 2
    listed = run(engine, cluster_images["builder"], "ls", *programs, "/usr/local/bin/start-engine")
    assert sorted(listed.split()) == sorted([*programs, "/usr/local/bin/start-engine"])
    assert run(engine, cluster_images["builder"], "dockerd", "--version").startswith("Docker version ")


def test_the_coordinators_context_is_what_docker_build_gets_in_the_repository() -> None:
    files = set(RECIPES["coordinator"].files)
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "Dockerfile", "coordinator", "shared"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert files == {path for path in tracked.stdout.splitlines() if (ROOT / path).exists()}
    assert any(not path.endswith((".py", "Dockerfile")) for path in files), "also what the API serves as files"


def test_the_coordinators_tag_follows_its_code_and_nothing_else() -> None:
    assert not [path for path in RECIPES["coordinator"].files if path.startswith(("tests", "local", "cli", "docs"))]
    assert "coordinator/setup/installation.py" in RECIPES["coordinator"].files
