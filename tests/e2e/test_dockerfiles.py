"""Dockerfiles as people write them today, and ones that fail."""

from pathlib import Path

import pytest

from local.engine import Engine
from tests.e2e.journey import Kontinuous, command, docker_build, repository

HEREDOCS_SINCE = 23
BUILDKIT = """\
FROM python:3.13-slim
RUN --mount=type=cache,target=/root/.cache echo kept > /root/.cache/file
COPY --chmod=0640 secretive /secretive
"""
HEREDOC = """\
FROM python:3.13-slim
RUN <<END
echo first > /both
echo second >> /both
END
"""


def test_a_dockerfile_that_needs_buildkit_builds(served: Kontinuous, tmp_path: Path) -> None:
    stages = docker_build(), command("Look", "sh", "-c", "stat -c %a /secretive", image=None)
    files = {"Dockerfile": BUILDKIT, "secretive": "x"}
    done = served.run(repository(tmp_path / "buildkit", *stages, files=files))
    assert done.exit_code == 0, done.screen
    assert b"\n640\n" in served.log(done.build, "Look")


def test_a_dockerfile_with_a_heredoc_builds(served: Kontinuous, engine: Engine, tmp_path: Path) -> None:
    with engine.client() as client:
        version = client.version()["Version"]
    if int(version.split(".")[0]) < HEREDOCS_SINCE:
        pytest.skip(f"the Docker engine is {version}; without a `# syntax=` line, heredocs want {HEREDOCS_SINCE}.0")
    stages = docker_build(), command("Look", "cat", "/both", image=None)
    done = served.run(repository(tmp_path / "heredoc", *stages, files={"Dockerfile": HEREDOC}))
    assert done.exit_code == 0, done.screen
    assert b"first\nsecond\n" in served.log(done.build, "Look")


def test_a_failing_dockerfile_step_is_shown_with_its_own_error(served: Kontinuous, tmp_path: Path) -> None:
    dockerfile = "FROM python:3.13-slim\nRUN echo before && ls /no/such/folder\n"
    stages = docker_build(), command("After", "true", image=None)
    done = served("run", repository(tmp_path / "failing", *stages, files={"Dockerfile": dockerfile}))
    assert done.exit_code == 1, done.screen
    tail = done.screen.partition("The last lines of its log:")[2]
    assert "/no/such/folder" in tail
    assert "No such file or directory" in tail
    assert "ls /no/such/folder" in done.screen.partition("Build failed: ")[2].splitlines()[0]


def test_the_dockerfile_may_be_anywhere_in_the_repository(served: Kontinuous, tmp_path: Path) -> None:
    stages = (
        docker_build(dockerfile_path="deep/down", dockerfile_name="Prod.dockerfile"),
        command("Look", "cat", "/beside", image=None),
    )
    files = {"deep/down/Prod.dockerfile": "FROM python:3.13-slim\nCOPY beside /\n", "deep/down/beside": "the context\n"}
    done = served.run(repository(tmp_path / "elsewhere", *stages, files=files))
    assert done.exit_code == 0, done.screen
    assert b"the context\n" in served.log(done.build, "Look")


def test_a_dockerfile_that_is_not_there_is_named(served: Kontinuous, tmp_path: Path) -> None:
    done = served.run(repository(tmp_path / "without", docker_build()))
    stage = done.stage("Build")
    assert (done.exit_code, stage["fault"]) == (1, "input")
    assert "Dockerfile" in stage["reason"]
