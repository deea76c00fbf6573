"""The launchers' contract, kept by the Docker launcher on a real engine."""

import secrets
from collections.abc import Iterator
from contextlib import closing

import pytest

from local.docker_launcher import DockerLauncher
from tests.contract.job_runner import JobRunner
from tests.contract.launcher_contract import GiveSecret, LauncherContract
from tests.local.docker_engine import IMAGE, NETWORK


@pytest.fixture(scope="module")
def launcher(engine_url: str) -> Iterator[DockerLauncher]:
    with closing(DockerLauncher(engine_url, NETWORK, f"test-{secrets.token_hex(3)}")) as launcher:
        yield launcher


@pytest.fixture
def runner(launcher: DockerLauncher) -> Iterator[JobRunner]:
    runner = JobRunner(launcher, "contract", IMAGE)
    yield runner
    runner.remove_all()


@pytest.fixture
def give_secret(launcher: DockerLauncher, runner: JobRunner) -> GiveSecret:
    return lambda name, data: launcher.put_secret(runner.namespace, name, data)


class TestDockerLauncher(LauncherContract):
    """All of it."""
