"""Registries that do not answer or say no."""

import re
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from local.engine import Engine
from local.home import open_home
from local.services import ExternalRegistry, start_external_registry
from tests.e2e.journey import Kontinuous, command, docker_build, repository, secrets_file
from tests.faults.breakage import killed, service_container

NOBODY_HOME = "localhost:1"  # nothing listens there
DOCKERFILE = "FROM python:3.13-slim\nRUN echo {} > /made\n"


@pytest.fixture
def registry(served: Kontinuous, engine: Engine) -> Iterator[ExternalRegistry]:
    """The second registry."""
    registry = start_external_registry(engine, open_home(served.environment), print)
    yield registry
    registry.stop()


def publish(registry: str) -> dict[str, object]:
    login = {"require_credentials": True, "username": "user", "password": "password"}
    params = {"external_registry": registry, "external_image_name": "examples/fault", **login}
    return {"name": "Publish", "type": "docker_publish", "params": params, "secrets": ["login"]}


def test_an_unreachable_registry_in_from_is_named(served: Kontinuous, tmp_path: Path) -> None:
    files = {"Dockerfile": f"FROM {NOBODY_HOME}/base/image:1\nRUN true\n"}
    done = served("run", repository(tmp_path / "from", docker_build(), files=files), limit_s=60)
    assert done.exit_code == 1, done.screen
    assert NOBODY_HOME in done.screen.partition("Build failed: ")[2].splitlines()[0]


def test_an_unreachable_registry_of_an_image_is_named_while_it_is_waited_for(
    served: Kontinuous, tmp_path: Path
) -> None:
    folder = repository(tmp_path / "image", command("Look", "true", image=f"{NOBODY_HOME}/tool:1"))
    run = served.start("run", folder)
    run.wait_for_text("connection refused", 30)
    assert "Look waits: " in run.screen()
    assert f"{NOBODY_HOME}/tool:1" in run.screen()
    run.press_ctrl_c()
    assert run.end(30).exit_code == 130


def test_an_unreachable_external_registry_is_named(served: Kontinuous, tmp_path: Path) -> None:
    files = {"Dockerfile": DOCKERFILE.format("external")}
    folder = repository(tmp_path / "publish", docker_build(), publish(NOBODY_HOME), files=files)
    secrets = secrets_file(tmp_path / "secrets.yml", login={"user": "somebody", "password": "something"})
    done = served.run(folder, "--secrets", secrets, limit_s=90)
    assert done.exit_code == 1, done.screen
    assert NOBODY_HOME in done.stage("Publish")["reason"]
    assert "something" not in done.screen


def test_a_wrong_password_for_the_external_registry_is_said(
    served: Kontinuous, registry: ExternalRegistry, tmp_path: Path
) -> None:
    files = {"Dockerfile": DOCKERFILE.format("password")}
    folder = repository(tmp_path / "password", docker_build(), publish(registry.address), files=files)
    secrets = secrets_file(tmp_path / "secrets.yml", login={"user": registry.user, "password": "not-the-password"})
    done = served.run(folder, "--secrets", secrets)
    stage = done.stage("Publish")
    assert (done.exit_code, stage["fault"]) == (1, "input"), done.screen
    assert registry.address in stage["reason"]
    assert "not-the-password" not in done.screen


def test_the_internal_registry_killed_in_mid_build_is_named(served: Kontinuous, engine: Engine, tmp_path: Path) -> None:
    files = {"Dockerfile": f"FROM python:3.13-slim\nRUN echo {uuid4()} waiting; sleep 3\n"}
    folder = repository(tmp_path / "internal", docker_build(), files=files)
    run = served.start("run", folder)
    run.wait_for_text(" waiting\n")
    with killed(engine, service_container(served, "internal-registry")):
        done = run.end(90)
    assert done.exit_code == 1, done.screen
    reason = done.screen.partition("Build failed: ")[2].splitlines()[0]
    assert re.search(r"localhost:\d+/\S+ could not be pushed: .* connection refused", reason), reason
    assert served("run", folder).exit_code == 0
