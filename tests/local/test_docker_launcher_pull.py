"""Images that must be pulled first: from a real registry with a password."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import closing

import docker
import pytest

from local.docker_launcher import DockerLauncher
from local.engine import Engine
from local.home import Home
from local.image_pull import RegistryLogin
from local.services import start_external_registry
from shared.ports import JobPhase
from tests.contract.job_runner import JobRunner
from tests.local.docker_engine import IMAGE, NETWORK


@pytest.fixture(scope="module")
def registry(engine: Engine, home: Home, engine_url: str) -> Iterator[RegistryLogin]:
    registry = start_external_registry(engine, home, print)
    yield RegistryLogin(registry.address, registry.user, registry.password)
    registry.stop()


@pytest.fixture
def image(registry: RegistryLogin, engine_url: str) -> Iterator[str]:
    """An image that is in the registry, and not in the engine."""
    name = f"{registry.registry}/tests/pulled:{secrets.token_hex(4)}"
    client = docker.APIClient(engine_url)
    repository, tag = name.rsplit(":", 1)
    container = client.create_container(IMAGE, ["true"])["Id"]
    client.commit(container, repository, tag, message=tag)
    client.remove_container(container)
    for line in client.push(
        repository,
        tag,
        stream=True,
        decode=True,
        auth_config={"username": registry.user, "password": registry.password},
    ):
        assert "error" not in line, line
    client.remove_image(name)
    yield name
    client.remove_image(name, force=True) if client.images(name) else None
    client.close()


NewRunner = Callable[[RegistryLogin | None], JobRunner]


@pytest.fixture
def new_runner(engine_url: str) -> Iterator[NewRunner]:
    runners: list[JobRunner] = []

    def new(login: RegistryLogin | None) -> JobRunner:
        launcher = DockerLauncher(engine_url, NETWORK, f"test-{secrets.token_hex(3)}", login)
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
