"""The launchers' contract, kept by the Docker launcher on a real engine."""

import secrets
from collections.abc import Iterator
from contextlib import closing

import pytest

from local.docker_launcher import DockerLauncher
from shared.ports import JobPhase
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
    """All of it, and where Kubernetes differs: a good exit code hides a failed hook, a Secret's folder has links."""

    def test_a_failed_hook_fails_a_job_whose_container_ends_well(self, runner: JobRunner) -> None:
        hook = {"postStart": {"exec": {"command": ["sh", "-c", "echo no good; exit 3"]}}}
        stage = runner.stage("trap 'exit 0' TERM; while :; do sleep 0.05; done", lifecycle=hook)
        state = runner.run(stage).state
        assert (state.phase, state.reason) == (JobPhase.FINISHED, "FailedPostStartHook")

    def test_the_folder_of_an_absent_secret_is_empty(self, runner: JobRunner) -> None:
        volume = {"name": "s", "secret": {"secretName": "not-given", "optional": True}}
        stage = runner.stage("ls -A /s; echo ran", volumeMounts=[{"name": "s", "mountPath": "/s"}])
        assert runner.run(stage, volumes=[volume]).log == b"ran\n"
