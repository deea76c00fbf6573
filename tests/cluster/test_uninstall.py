"""`kontinuous deploy` and `deploy remove` on a cluster.

It takes kontinuous away and brings it back, so it runs after all others, whose file names come first.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.image_push import kustomization
from tests.cluster.installation import BUILDER_NAMESPACE, NAMESPACE, OVERLAY, Installation
from tests.e2e.journey import ROOT

DEPLOY_S = 400


def images_file(installation: Installation, path: Path) -> Path:
    """What `make push` would print, with what the overlay of the tests changes for one small node."""
    printed = yaml.safe_load(kustomization(installation.images))
    printed["patches"] += yaml.safe_load((OVERLAY / "kustomization.yaml").read_text())["patches"]
    path.write_text(json.dumps(printed))
    return path


def deploy(installation: Installation, *words: object) -> "subprocess.CompletedProcess[str]":
    """Run `kontinuous deploy` on the cluster of the tests."""
    programs = f"{Path(installation.cluster.kubectl_program).parent}{os.pathsep}{os.environ['PATH']}"
    values = os.environ | {
        "PATH": programs,
        "KUBECONFIG": str(installation.cluster.kubeconfig),
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-P", "-m", "cli", "deploy", *map(str, words)]
    return subprocess.run(
        command, env=values, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DEPLOY_S
    )


def workloads(installation: Installation) -> list[str]:
    """The names of the workloads that there are."""
    words = ("get", "deployments,statefulsets", "-o", "name", "-n")
    return [
        name for space in (NAMESPACE, BUILDER_NAMESPACE) for name in installation.cluster.kubectl(*words, space).split()
    ]


def auth_secret(installation: Installation) -> Any:
    """The key of the tokens, as the cluster has it now."""
    return installation.cluster.kubectl(
        "get", "secret", "kontinuous-secrets", "-n", NAMESPACE, "-o", "jsonpath={.data}"
    )


@pytest.mark.timeout(3 * DEPLOY_S, func_only=True)
def test_it_is_removed_with_its_secrets_left_and_installed_again(installation: Installation, tmp_path: Path) -> None:
    before, secret = workloads(installation), auth_secret(installation)
    removed = deploy(installation, "remove", "--yes")
    assert removed.returncode == 0, removed.stderr
    assert workloads(installation) == []
    assert auth_secret(installation) == secret
    again = deploy(installation, "--images", images_file(installation, tmp_path / "images.yaml"))
    assert again.returncode == 0, again.stderr
    assert "kontinuous is ready" in again.stdout
    assert (workloads(installation), auth_secret(installation)) == (before, secret)
    assert len(installation.coordinators()) == 2
