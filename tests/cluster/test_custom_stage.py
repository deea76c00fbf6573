"""Stage types of the operator's own on a real Kubernetes: from the catalogue through a Job to report and artifact."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.engine import Engine
from local.home import Home
from local.images import ensure_images
from tests.cluster.builds import finish, kontinuous, log, pipeline_file, start, statuses
from tests.cluster.installation import NAMESPACE, READY_S, Installation, apply
from tests.own_stages import build_images, catalogue
from tests.waiting import wait_for

REPLICAS = 2
BUILT_IN = ("command", "docker_build", "docker_publish")

pytestmark = pytest.mark.timeout(600, func_only=True)


@pytest.fixture(scope="module")
def with_catalogue(installation: Installation, engine: Engine, home: Home) -> Iterator[Installation]:
    """The installation with the stage types of examples/stages in its catalogue."""
    program = ensure_images(engine, home.cache, print, ["program"])["program"]
    for image in build_images(engine, program).values():
        installation.cluster.load(image, engine)
    built_in = {kind: installation.images[kind] for kind in BUILT_IN}
    give(installation, {**built_in, **catalogue()})
    yield installation
    give(installation, built_in)


def give(installation: Installation, types: dict[str, Any]) -> None:
    """Let the coordinators have this catalogue, and no other."""
    apply(installation.cluster, installation.images, installation.github.url, STAGE_IMAGES=json.dumps(types))
    words = ("rollout", "status", "deployment/kontinuous", "-n", NAMESPACE, f"--timeout={READY_S}s")
    installation.cluster.kubectl(*words, limit_s=READY_S + 20)
    # Those that leave answer for some seconds more, with what they know.
    words = ("get", "pods", "-n", NAMESPACE, "-l", "kontinuous.io/component=coordinator", "-o", "name")
    wait_for(lambda: len(installation.cluster.kubectl(*words).split()) == REPLICAS, 60, every_s=0.5)
    assert known_types(installation) == set(types)


def known_types(installation: Installation) -> set[str]:
    return {item["type"] for item in installation.client().stage_types()}


def todos(**params: Any) -> dict[str, Any]:
    return {"name": "Marks", "type": "todos", "params": {"words": ["kind"], **params}}


def test_stages_of_own_types_run_report_and_keep_artifacts(with_catalogue: Installation) -> None:
    scan = {"name": "Scan", "type": "scan", "artifacts": ["bandit.json"]}
    build = finish(with_catalogue, start(with_catalogue, "own-types", scan, todos(most=1)))
    assert [(stage["status"], stage["attempt"]) for stage in build["stages"]] == [("SUCCESS", 1)] * 2
    assert build["stages"][0]["result"]["artifacts"][0]["path"] == "bandit.json"
    text = log(with_catalogue, build, "marks")
    assert b".pipeline.yml:1: " in text
    assert len(text) == build["stages"][1]["log_bytes"]
    expected = {"kontinuous": "success", "kontinuous/scan": "success", "kontinuous/marks": "success"}
    wait_for(lambda: statuses(with_catalogue, build["commit"]["sha"]) == expected, 30)


def test_a_stage_of_an_own_type_that_fails_says_why_on_the_commit(with_catalogue: Installation) -> None:
    build = finish(with_catalogue, start(with_catalogue, "own-type-fails", todos(most=0)))
    assert (build["stages"][0]["status"], build["stages"][0]["fault"]) == ("FAIL", "user")
    sha = build["commit"]["sha"]
    wait_for(lambda: statuses(with_catalogue, sha).get("kontinuous/marks") == "failure", 30)
    assert "marks are left" in with_catalogue.github.statuses(sha)["kontinuous/marks"]["description"]


def test_a_wrong_param_is_refused_at_its_place_by_the_server_and_by_lint(
    with_catalogue: Installation, tmp_path: Path
) -> None:
    text = pipeline_file(todos(most="many"))
    problem = "spec.template.stages[0].params.most: 'many' is not of type 'integer'"
    file = tmp_path / "pipeline.yml"
    file.write_text(text)
    linted = kontinuous(with_catalogue, "lint", str(file))
    assert (linted.returncode, problem in linted.stdout) == (2, True), linted.stdout + linted.stderr
    repository = with_catalogue.add_repository("acme", "own-type-refused", {".pipeline.yml": text})
    assert kontinuous(with_catalogue, "create", "pipeline", repository).returncode == 0
    refused = kontinuous(with_catalogue, "create", "build", repository)
    assert (refused.returncode, problem in refused.stderr) == (2, True), refused.stderr
