"""etcd and S3 killed in mid-build: the build goes on when they are back, and its log is complete."""

from pathlib import Path

import pytest

from local.engine import Engine
from tests.e2e.journey import Done, Kontinuous, command, repository
from tests.faults.breakage import WRITING, assert_whole, begin, killed, let_go, service_container


def test_s3_killed_in_mid_build_costs_no_byte_of_the_log(served: Kontinuous, engine: Engine, tmp_path: Path) -> None:
    folder = repository(tmp_path / "s3-away", WRITING, command("After", "echo", "went on"))
    run = begin(served, folder)
    with killed(engine, service_container(served, "minio")):
        run.wait_for_text("the log is kept here until S3 is back", 60)
        let_go(engine, served, folder)
    assert_went_on(served, run.end(90), folder)


@pytest.mark.parametrize("end_while_away", [True, False], ids=["at its end", "in its middle"])
def test_etcd_killed_in_mid_build_does_not_stop_it(
    served: Kontinuous, engine: Engine, tmp_path: Path, end_while_away: bool
) -> None:
    folder = repository(tmp_path / f"etcd-away-{end_while_away}".lower(), WRITING, command("After", "echo", "went on"))
    run = begin(served, folder)
    with killed(engine, service_container(served, "etcd")):
        if end_while_away:
            let_go(engine, served, folder)
        else:
            run.wait_for_text(f"write | line {len(run.screen().splitlines()) + 100}\n")
    if not end_while_away:
        let_go(engine, served, folder)
    assert_went_on(served, run.end(90), folder)


def assert_went_on(kontinuous: Kontinuous, done: Done, folder: Path) -> None:
    assert done.exit_code == 0, done.screen
    log = kontinuous("logs", "1", "--stage", "Write", cwd=folder).stdout
    assert_whole(log)
    shown = [line.removeprefix("write | ") for line in done.screen.splitlines() if line.startswith("write | ")]
    assert shown == log.decode().splitlines()
    assert b"went on\n" in kontinuous("logs", "1", "--stage", "After", cwd=folder).stdout
