"""Ctrl-C, and processes and containers that are killed while a build runs."""

import json
import os
import signal
from pathlib import Path

import pytest

from local.engine import Engine
from tests.e2e.journey import Kontinuous, command, left_behind, repository, serving
from tests.faults.breakage import WRITING, assert_whole, begin, container_of, let_go
from tests.waiting import wait_for


def test_ctrl_c_stops_the_containers_cancels_the_build_and_a_second_run_works(
    alone: Kontinuous, engine: Engine, tmp_path: Path
) -> None:
    folder = repository(tmp_path / "interrupted", WRITING, command("After", "true"))
    run = begin(alone, folder)
    run.press_ctrl_c()
    done = run.end(60)
    assert done.exit_code == 130, done.screen
    assert ": CANCELLED" in done.screen
    assert [done.status(name) for name in ("Write", "After")] == ["CANCELLED", "CANCELLED"]
    assert left_behind(engine, alone.instance) == []
    second = alone.run(folder, "--stage", "After")
    assert second.exit_code == 0, second.screen


def test_a_second_ctrl_c_leaves_at_once_and_the_rest_stops_by_itself(
    alone: Kontinuous, engine: Engine, tmp_path: Path
) -> None:
    stubborn = command("Stay", "sh", "-c", "trap '' TERM; echo begun; sleep 6")
    run = alone.start("run", repository(tmp_path / "impatient", stubborn))
    run.wait_for_text("stay | begun")
    run.press_ctrl_c()
    run.wait_for_text("Cancelling the build")
    run.press_ctrl_c()
    assert run.end(5).exit_code == 130
    wait_for(lambda: not left_behind(engine, alone.instance), 60)


def test_the_command_killed_leaves_nothing_running(alone: Kontinuous, engine: Engine, tmp_path: Path) -> None:
    folder = repository(tmp_path / "killed", WRITING)
    begin(alone, folder).kill()
    wait_for(lambda: not left_behind(engine, alone.instance), 60)
    assert not (alone.home / "service.json").exists()
    [build] = json.loads(alone("get", "builds", "-o", "json", cwd=folder).stdout)
    assert build["status"] == "CANCELLED"


def test_the_coordinator_killed_in_mid_build_goes_on_when_it_is_started_again(
    alone: Kontinuous, engine: Engine, tmp_path: Path
) -> None:
    folder = repository(tmp_path / "restarted", WRITING, command("After", "echo", "went on"))
    with serving(alone) as first:
        run = begin(alone, folder)
        kill(first.process.pid)
        first.end(10)
    with serving(alone):
        let_go(engine, alone, folder)
        done = run.end(60)
        assert done.exit_code == 0, done.screen
        assert_whole(alone("logs", "1", "--stage", "Write", cwd=folder).stdout)


def test_the_coordinator_of_a_run_killed_is_said_and_the_next_command_brings_the_build_to_an_end(
    alone: Kontinuous, engine: Engine, tmp_path: Path
) -> None:
    folder = repository(tmp_path / "orphaned", WRITING)
    run = begin(alone, folder)
    kill(alone.service()["pid"])
    done = run.end(60)
    assert done.exit_code == 3, done.screen
    assert "kontinuous: the service" in done.screen
    assert alone("get", "builds", cwd=folder).exit_code == 0
    [build] = json.loads(alone("get", "builds", "-o", "json", cwd=folder).stdout)
    assert build["status"] == "CANCELLED", build
    assert left_behind(engine, alone.instance) == []


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("container", ["stage", "user"])
def test_a_container_removed_by_hand_in_mid_build_is_a_failure_with_its_cause(
    served: Kontinuous, engine: Engine, tmp_path: Path, container: str
) -> None:
    folder = repository(tmp_path / f"removed-{container}", command("Quiet", "sh", "-c", "echo begun; sleep 120"))
    run = served.start("run", folder)
    run.wait_for_text("quiet | begun")
    with engine.client() as client:
        client.api.remove_container(container_of(engine, served, folder, container), force=True)
    done = run.end(30)
    assert done.exit_code == 1, done.screen
    reason = done.screen.partition("Quiet failed: ")[2].splitlines()[0]
    assert f"somebody removed the container {container}" in reason
    rest = f"{served.instance}-removed-{container}-"
    wait_for(lambda: not [name for name in left_behind(engine, served.instance) if rest in name], 40)
