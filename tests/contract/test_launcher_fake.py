"""The launchers' bookkeeping contract, kept by the fake that the coordinator's tests use."""

from collections.abc import Callable

import pytest

from shared.ports import ContainerEnd, JobRef
from tests.contract.job_runner import JobRunner
from tests.contract.launcher_contract import BookkeepingContract
from tests.fakes.fake_launcher import FakeLauncher


@pytest.fixture
def launcher() -> FakeLauncher:
    return FakeLauncher()


@pytest.fixture
def runner(launcher: FakeLauncher) -> JobRunner:
    return JobRunner(launcher, "contract", "no-image")


class TestFakeLauncher(BookkeepingContract):
    """What makes sense without containers."""

    @pytest.fixture
    def let_end(self, launcher: FakeLauncher) -> Callable[[JobRef], None]:
        def end(ref: JobRef) -> None:
            containers = launcher.manifests[ref]["spec"]["template"]["spec"]["containers"]
            launcher.run(ref)
            launcher.finish(ref, {container["name"]: ContainerEnd(0, "Completed") for container in containers})

        return end


def test_running_a_job_twice_raises(runner: JobRunner, launcher: FakeLauncher) -> None:
    ref = runner.launch(runner.stage("true"))
    launcher.run(ref)
    with pytest.raises(AssertionError, match="a second time"):
        launcher.run(ref)


def test_ending_a_job_twice_raises(runner: JobRunner, launcher: FakeLauncher) -> None:
    ref = runner.launch(runner.stage("true"))
    launcher.finish(ref)
    with pytest.raises(AssertionError, match="a second time"):
        launcher.finish(ref)


def test_a_follower_gets_what_is_written_until_the_job_ends(runner: JobRunner, launcher: FakeLauncher) -> None:
    ref = runner.launch(runner.stage("true"))
    launcher.run(ref)
    launcher.write(ref, b"one ")
    with launcher.follow(ref) as chunks:
        assert next(chunks) == b"one "
        launcher.write(ref, b"two")
        launcher.finish(ref)
        assert list(chunks) == [b"two"]
