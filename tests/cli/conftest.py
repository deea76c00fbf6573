import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli.client import Client
from tests.fakes.api_server import TOKEN, ApiServer
from tests.fakes.plays import succeed

ROOT = Path(__file__).parents[2]
KONTINUOUS = (sys.executable, "-m", "tests.fakes.kontinuous")
PIPELINE = """\
apiVersion: v1alpha1
kind: Pipeline
metadata:
  name: hello
  namespace: examples
spec:
  template:
    stages:
      - name: Build Docker Image
        type: docker_build
      - name: Unit Test
        type: command
        params:
          command: ["true"]
        secrets: [docker-credentials]
"""
SECRETS = """\
apiVersion: v1
kind: Secret
metadata: {name: docker-credentials}
stringData: {password: secret}
"""

Start = Callable[..., "subprocess.Popen[str]"]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def git(folder: Path, *arguments: str) -> str:
    """Run git as a user of no particular name."""
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "init.defaultBranch=main"]
    return subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True, text=True
    ).stdout


def commit_all(folder: Path) -> None:
    """Commit everything in the folder."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "Change")


def environment(play: str = "succeed", **more: str) -> dict[str, str]:
    """The environment of a `kontinuous` with the stand-in of `python -m local`, whose builds go as the play says."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PYTHONPATH": str(ROOT), "PATH": path, "FAKE_PLAY": play} | more


@pytest.fixture(autouse=True)
def state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder of the test's own, and a place for a login of its own."""
    folder = tmp_path / "state_folder"
    folder.mkdir()
    monkeypatch.setenv("KONTINUOUS_HOME", str(folder))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return folder


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A git folder with one commit that holds a pipeline; a secrets file lies beside it."""
    folder = tmp_path / "hello"
    folder.mkdir()
    (folder / ".pipeline.yml").write_text(PIPELINE)
    (tmp_path / "secrets.yml").write_text(SECRETS)
    git(folder, "init", "--quiet")
    commit_all(folder)
    return folder


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start the command as a process (its folder is the test's own), with the stand-in of `python -m local`."""
    running: list[subprocess.Popen[str]] = []

    def run(
        *arguments: object, play: str = "succeed", cwd: Path = tmp_path, **variables: str
    ) -> "subprocess.Popen[str]":
        command = [*KONTINUOUS, *map(str, arguments)]
        pipe, values = subprocess.PIPE, environment(play, **variables)
        process = subprocess.Popen(command, cwd=cwd, env=values, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        running.append(process)
        return process

    yield run
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def kontinuous(start: Start) -> Run:
    """Run the command to its end."""

    def run(*arguments: object, **options: object) -> "subprocess.CompletedProcess[str]":
        process = start(*arguments, **options)
        stdout, stderr = process.communicate(timeout=60)
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    return run


@pytest.fixture
def api() -> Iterator[ApiServer]:
    """The stand-in of the API; the test fails when the client used it wrongly."""
    with ApiServer(succeed) as server:
        yield server
        assert not server.complaints


@pytest.fixture
def client(api: ApiServer) -> Client:
    """A client of the stand-in."""
    return Client(api.url, TOKEN)
