"""Builds on the cluster's kontinuous, for the tests: repositories at the stand-in, started, followed, read."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import requests

from cli.follow import follow_build
from cli.records import BuildName, name_of
from shared.api_records import Build
from tests.cluster.installation import BUILDS_NAMESPACE, Installation

ROOT = Path(__file__).parents[2]
LIMIT_S = 240


def pipeline_file(*stages: dict[str, Any], namespace: str = BUILDS_NAMESPACE, **template: Any) -> str:
    """A pipeline with these stages, and whatever else the template holds; JSON is YAML too."""
    top = {"apiVersion": "v1alpha1", "kind": "Pipeline", "metadata": {"name": "test", "namespace": namespace}}
    return json.dumps({**top, "spec": {"template": {"stages": list(stages), **template}}})


def command(name: str, *words: str, image: str, **fields: Any) -> dict[str, Any]:
    """A stage that runs a command in an image that is on the node."""
    params = {"image": image, "command": list(words), **fields.pop("params", {})}
    return {"name": name, "type": "command", "params": params, **fields}


def kontinuous(installation: Installation, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run the command line against the cluster's kontinuous, as a user does."""
    own = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": "/nonexistent"}
    command = [sys.executable, "-m", "cli", *words]
    environment = own | installation.environment()
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False)


def give_secret(installation: Installation, name: str, *, namespace: str = BUILDS_NAMESPACE, **values: str) -> None:
    """Make a Secret."""
    installation.cluster.give_secret(namespace, name, {key: value.encode() for key, value in values.items()})


def start(installation: Installation, name: str, *stages: dict[str, Any], **fields: Any) -> BuildName:
    """A repository with these stages, and a build of it; `fields` are those of `pipeline_file`."""
    repository = installation.add_repository("acme", name, {".pipeline.yml": pipeline_file(*stages, **fields)})
    client = installation.client()
    client.create_pipeline(repository)
    return name_of(client.start_build(repository, "main", []))


def finish(installation: Installation, name: BuildName) -> Build:
    """The build once it has ended."""
    for state in follow_build(installation.client(), name):
        build = state
    return build


def log(installation: Installation, build: Build, stage: str) -> bytes:
    """The stored log of a stage."""
    path = f"/api/v1/pipelines/{build['repository']}/builds/{build['number']}/stages/{stage}/logs"
    headers = {"Authorization": f"Bearer {installation.jwt()}"}
    answer = requests.get(installation.url + path, headers=headers, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.content


def statuses(installation: Installation, sha: str) -> dict[str, str]:
    """What GitHub shows of a commit: context → state."""
    return {context: status["state"] for context, status in installation.github.statuses(sha).items()}
