"""Images that must be pulled first: from a real registry with a password."""

import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import bcrypt
import docker
import pytest
import requests

from local.docker_launcher import DockerLauncher
from local.image_pull import RegistryLogin
from shared.ports import JobPhase
from tests.contract.job_runner import LIMIT_S, JobRunner
from tests.local.docker_engine import IMAGE, NETWORK, engine_url

PROGRAM = shutil.which("docker-registry")
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="needs the program docker-registry (Debian: docker-registry)")

CONFIG = """
version: 0.1
storage: {{filesystem: {{rootdirectory: {folder}/data}}}}
http: {{addr: "127.0.0.1:{port}"}}
auth: {{htpasswd: {{realm: test, path: {folder}/htpasswd}}}}
log: {{accesslog: {{disabled: true}}}}
"""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryLogin]:
    folder = tmp_path_factory.mktemp("registry")
    port = _free_port()
    (folder / "config.yml").write_text(CONFIG.format(folder=folder, port=port))
    (folder / "htpasswd").write_bytes(b"me:" + bcrypt.hashpw(b"pass", bcrypt.gensalt(4)))
    assert PROGRAM is not None
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([PROGRAM, "serve", str(folder / "config.yml")], stdout=log, stderr=log)
    try:
        _wait_for(f"http://127.0.0.1:{port}/v2/", folder / "log")
        yield RegistryLogin(f"127.0.0.1:{port}", "me", "pass")
    finally:
        process.terminate()
        process.wait(LIMIT_S)


def _free_port() -> int:
    for port in range(21500, 21600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
    raise AssertionError("no port is free")


def _wait_for(url: str, log: Path) -> None:
    limit = time.monotonic() + LIMIT_S
    while time.monotonic() < limit:
        try:
            assert requests.get(url, timeout=5).status_code == 401
        except requests.ConnectionError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(log.read_text())


@pytest.fixture
def image(registry: RegistryLogin) -> Iterator[str]:
    """An image that is in the registry, and not in the engine."""
    name = f"{registry.registry}/tests/pulled:{secrets.token_hex(4)}"
    client = docker.APIClient(engine_url())
    repository, tag = name.rsplit(":", 1)
    container = client.create_container(IMAGE, ["true"])["Id"]
    client.commit(container, repository, tag, message=tag)
    client.remove_container(container)
    for line in client.push(
        repository, tag, stream=True, decode=True, auth_config={"username": "me", "password": "pass"}
    ):
        assert "error" not in line, line
    client.remove_image(name)
    yield name
    client.remove_image(name, force=True) if client.images(name) else None
    client.close()


NewRunner = Callable[[RegistryLogin | None], JobRunner]


@pytest.fixture
def new_runner() -> Iterator[NewRunner]:
    runners: list[JobRunner] = []

    def new(login: RegistryLogin | None) -> JobRunner:
        launcher = DockerLauncher(engine_url(), NETWORK, f"test-{secrets.token_hex(3)}", login)
        runners.append(JobRunner(launcher, "tests", IMAGE))
        return runners[-1]

    yield new
    for runner in runners:
        runner.remove_all()
        with closing(runner.launcher):  # type: ignore[type-var]  # always a DockerLauncher here
            continue


@pytest.mark.parametrize("policy", ["IfNotPresent", "Always"])
def test_an_image_that_is_not_there_is_pulled_with_our_login(
    new_runner: NewRunner, registry: RegistryLogin, image: str, policy: str
) -> None:
    runner = new_runner(registry)
    pair = runner.pair("echo ran", "true", image=image, imagePullPolicy=policy)
    with runner.watching() as seen:
        outcome = runner.run(*pair["containers"], volumes=pair["volumes"])
    assert f"pulling image {image}" in {state.message for state in seen if state.phase is JobPhase.WAITING}
    assert outcome.log == b"ran\n"
    assert (outcome.state.reason, outcome.state.message) == ("", "")


def test_an_image_that_the_registry_has_not_is_a_permanent_failure(
    new_runner: NewRunner, registry: RegistryLogin
) -> None:
    runner = new_runner(registry)
    state = runner.run(runner.stage("true", image=f"{registry.registry}/tests/absent:1")).state
    assert (state.phase, state.reason, state.permanent) == (JobPhase.FINISHED, "ErrImagePull", True)
    assert "absent" in state.message


def test_a_login_is_not_sent_to_another_registry(new_runner: NewRunner, image: str) -> None:
    runner = new_runner(RegistryLogin("127.0.0.1:1", "me", "pass"))
    state = runner.run(runner.stage("true", image=image)).state
    assert (state.phase, state.reason, state.permanent) == (JobPhase.FINISHED, "ErrImagePull", True)
