import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Start

LIMIT_S = 30.0


def read_until(process: "subprocess.Popen[str]", text: str) -> str:
    """Read stdout up to a line that holds `text`; the test's own time limit ends a wait that is in vain."""
    assert process.stdout
    said = ""
    for line in process.stdout:
        said += line
        if text in line:
            return said
    raise AssertionError(f"{text!r} was never said, but: {said}")


def wait_until_gone(path: Path) -> None:
    """Wait for a file's end."""
    deadline = time.monotonic() + LIMIT_S
    while path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_cancels_the_build_and_waits_for_its_end(
    start: Start, repository: Path, state_folder: Path, number: signal.Signals
) -> None:
    process = start("run", repository, play="run_until_cancelled")
    read_until(process, "| working")
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=LIMIT_S)
    assert (process.returncode, stderr) == (130, "")
    assert "<== Build Docker Image CANCELLED" in stdout
    assert "Build 1 of local/ab12/hello: CANCELLED" in stdout
    assert not (state_folder / "service.json").exists()


def test_the_second_signal_leaves_at_once_and_the_service_stops_by_itself(
    start: Start, repository: Path, state_folder: Path
) -> None:
    process = start("run", repository, play="ignore_cancel")
    read_until(process, "| working")
    process.send_signal(signal.SIGINT)
    read_until(process, "Cancelling the build")
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=LIMIT_S)
    assert (process.returncode, stderr) == (130, "")
    wait_until_gone(state_folder / "service.json")


def test_ctrl_c_at_the_terminal_does_not_reach_the_service(start: Start, repository: Path) -> None:
    process = start("run", repository, play="run_until_cancelled", cwd=repository)
    read_until(process, "| working")
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert children
    assert all(os.getpgid(int(child)) != os.getpgid(process.pid) for child in children)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=LIMIT_S)
    assert process.returncode == 130


def test_who_started_the_service_keeps_it_until_the_other_run_ended(
    start: Start, repository: Path, state_folder: Path
) -> None:
    owner = start("run", repository, play="wait_for_release")
    read_until(owner, "| working")
    other = start("run", repository)
    assert "starting etcd" not in read_until(other, "| working")
    (state_folder / "release-1").touch()
    read_until(owner, "Another command still uses this service")
    (state_folder / "release-2").touch()
    other.communicate(timeout=LIMIT_S)
    stdout, _ = owner.communicate(timeout=LIMIT_S)
    assert (owner.returncode, other.returncode) == (0, 0)
    assert "stopping etcd" in stdout
