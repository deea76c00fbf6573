"""A disk that is full, at the start and in mid-build: said by its name, and nothing hangs."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from docker.errors import APIError

from local.engine import Engine
from local.home import Home
from tests.e2e.journey import Kontinuous, kontinuous_of, left_behind, python, repository
from tests.faults.breakage import fill, let_go, small_disk
from tests.waiting import wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk, which only root can do")

# etcd takes 128 MB at once for its log, and as much must be left.
SIZE = "400m"
WRITE_MUCH = """
    import os, time
    print("begun", flush=True)
    while not os.path.exists("/tmp/go"):
        time.sleep(0.05)
    for _ in range(20):
        os.write(1, (b"x" * 8191 + b"\\n") * 128)
"""


@pytest.fixture
def on_a_small_disk(home: Home, images: Mapping[str, str], tmp_path: Path) -> Iterator[Kontinuous]:
    """The command with its state folder on a disk of its own."""
    kontinuous = kontinuous_of(tmp_path, home)
    with small_disk(kontinuous.home, SIZE):
        yield kontinuous
        kontinuous.close()


def test_a_disk_that_is_full_at_the_start_is_named(on_a_small_disk: Kontinuous, engine: Engine, tmp_path: Path) -> None:
    fill(on_a_small_disk.home)
    done = on_a_small_disk("run", repository(tmp_path / "full", python("Nothing", "")), limit_s=60)
    assert done.exit_code == 3, done.screen
    assert str(on_a_small_disk.home) in done.screen
    assert "No space left on device" in done.screen
    assert left_behind(engine, on_a_small_disk.instance) == []


def test_a_disk_that_is_full_in_mid_build_is_named(on_a_small_disk: Kontinuous, engine: Engine, tmp_path: Path) -> None:
    folder = repository(tmp_path / "filling", python("Much", WRITE_MUCH))
    run = on_a_small_disk.start("run", folder)
    run.wait_for_text("much | begun")
    fill(on_a_small_disk.home, leave=4 << 20)
    with suppress(APIError, ValueError):  # what looks after the disk may have ended the container by now
        let_go(engine, on_a_small_disk, folder)
    done = run.end(90)
    assert done.exit_code == 130, done.screen[-3000:]
    said = f"CANCELLED in .*: the disk of {on_a_small_disk.home} is full: ([0-9]+) MB are left and ([0-9]+) MB needed"
    told = re.search(said, done.screen)
    assert told, done.screen[-3000:]
    assert int(told[1]) < int(told[2])
    wait_for(lambda: not left_behind(engine, on_a_small_disk.instance), 60)
