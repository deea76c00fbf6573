"""Resuming a build: which stages run again, which stay, and what is refused."""

from dataclasses import replace

import pytest

from coordinator.resuming import with_resumed
from shared.clock import timestamp
from shared.errors import Conflict, NotFound
from shared.model import Build
from shared.ports import JobRef
from shared.status import Fault, ReportStatus, Status
from tests.coordinator.samples import BUILD, PUBLISH, TEST, seconds_later
from tests.coordinator.world import PlayedStage, World

LATER = timestamp(seconds_later(60))


def fails_once(stage: PlayedStage) -> None:
    """A test that is red in its first attempt and green in its second."""
    if stage.context.attempt == 1:
        stage.end(ReportStatus.FAIL, 1, fault=Fault.USER, reason="red", exit_code=1)
    else:
        stage.end(ReportStatus.SUCCESS)


@pytest.fixture
def failed(world: World) -> Build:
    """A build of three stages whose second one has failed."""
    world.plays["unit-test"] = fails_once
    world.coordinate()
    return world.finished(world.start(BUILD, TEST, PUBLISH))


def resume(world: World, made: Build, stage_id: str) -> None:
    world.store.update_build(made.repository, made.number, lambda build: with_resumed(build, stage_id, "ada", LATER))


def test_a_failed_stage_and_all_after_it_run_again_as_new_attempts(world: World, failed: Build) -> None:
    assert [stage.status for stage in failed.stages] == [Status.SUCCESS, Status.FAIL, Status.SKIPPED]
    resume(world, failed, "unit-test")
    done = world.finished(failed)
    assert [stage.status for stage in done.stages] == [Status.SUCCESS] * 3
    assert [[attempt.number for attempt in stage.attempts] for stage in done.stages] == [[1], [1, 2], [1]]
    assert (done.status, done.reason, done.run) == (Status.SUCCESS, "", 2)
    assert done.stages[1].attempts[0] == failed.stages[1].attempts[0]


def test_each_run_has_a_secret_of_its_own_which_goes_with_it(world: World, failed: Build) -> None:
    resume(world, failed, "unit-test")
    done = world.finished(failed)
    refs = [JobRef(done.pipeline.namespace, attempt.job) for attempt in done.stages[1].attempts]
    first, second = (world.launcher.secrets[ref][0]["metadata"]["name"] for ref in refs)
    assert first != second
    world.settled()
    assert {name for _, name in world.launcher.released} == {first, second}


def test_a_stage_that_succeeded_may_run_again(world: World, failed: Build) -> None:
    resume(world, failed, "build")
    done = world.finished(failed)
    assert [len(stage.attempts) for stage in done.stages] == [2, 2, 1]
    assert done.status is Status.SUCCESS


def test_every_coordinator_takes_a_resumed_build_up_again(world: World, failed: Build) -> None:
    """Also those that have seen it as finished in a resync."""
    world.coordinate()
    resume(world, failed, "Unit Test")
    assert world.finished(failed).status is Status.SUCCESS
    resume(world, failed, "publish")
    assert [len(stage.attempts) for stage in world.finished(failed).stages] == [1, 2, 2]


def test_a_stage_after_one_that_failed_cannot_be_the_first(world: World, failed: Build) -> None:
    with pytest.raises(Conflict, match="'Unit Test' comes first"):
        with_resumed(failed, "publish", "ada", LATER)


def test_what_was_not_asked_for_stays_out(failed: Build) -> None:
    stages = (failed.stages[0], failed.stages[1], replace(failed.stages[2], skipped="not asked for"))
    resumed = with_resumed(replace(failed, stages=stages), "unit-test", "ada", LATER)
    assert [stage.status for stage in resumed.stages] == [Status.SUCCESS, Status.PENDING, Status.SKIPPED]


def test_a_build_that_runs_or_has_no_such_stage_is_refused(failed: Build) -> None:
    with pytest.raises(Conflict, match="still runs"):
        with_resumed(replace(failed, finished_at=""), "build", "ada", LATER)
    with pytest.raises(NotFound, match="no stage 'tests'; it has build, "):
        with_resumed(failed, "tests", "ada", LATER)
