"""Processes that outlive whoever started them: recorded with their start time, so that no other's is taken for ours."""

import os
import signal
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from local.own_engine import is_alive
from shared.errors import InfrastructureError
from tests.cluster.places import LOGS, RECORDS

END_S = 20
POLL_S = 0.02
LOG_TAIL_BYTES = 3000


@dataclass(frozen=True, slots=True)
class Process:
    """One part of the cluster, by the name of its record and its log."""

    name: str

    @property
    def log(self) -> Path:
        """What it writes to its standard output and error."""
        return LOGS / f"{self.name}.log"

    def log_tail(self) -> str:
        """The end of its log, as a text to show."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return f"the end of {self.log}:\n{text[-LOG_TAIL_BYTES:]}"

    @property
    def pid(self) -> int:
        """Its process id; 0 when it does not run."""
        with suppress(OSError, ValueError):
            pid, started = (RECORDS / self.name).read_text().split()
            if is_alive(int(pid)) and started == start_time(int(pid)):
                return int(pid)
        return 0

    def start(self, command: list[str], environment: Mapping[str, str]) -> None:
        """Start it as the leader of a session, unless it runs."""
        if self.pid:
            return
        null = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
        log = (os.POSIX_SPAWN_OPEN, 1, str(self.log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        both = (os.POSIX_SPAWN_DUP2, 1, 2)
        pid = os.posix_spawn(command[0], command, environment, file_actions=[null, log, both], setsid=True)
        (RECORDS / self.name).write_text(f"{pid} {start_time(pid)}")

    def kill(self) -> None:
        """End it at once, as a crash does; one that does not run is fine."""
        if pid := self.pid:
            kill_all([pid])
        (RECORDS / self.name).unlink(missing_ok=True)

    def freeze(self) -> None:
        """Let it hang, as a machine without a response does, until `thaw` or `kill`."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on after `freeze`."""
        os.kill(self.pid, signal.SIGCONT)


def start_time(pid: int) -> str:
    """When a process was started, in clock ticks since the machine was."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


def kill_all(pids: Iterable[int]) -> None:
    """Kill processes and wait until they are gone; raises InfrastructureError that names one that stays."""
    pids = list(pids)
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + END_S
    for pid in pids:
        while is_alive(pid):
            if time.monotonic() > deadline:
                raise InfrastructureError(f"process {pid} does not end within {END_S} s of SIGKILL")
            time.sleep(POLL_S)
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


def running_with(argument: str) -> list[int]:
    """The processes that have this text as one of their arguments."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if argument.encode() in (folder / "cmdline").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def descendants(pid: int) -> list[int]:
    """The processes below a process."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(folder.name))
    found = list(children.get(pid, []))
    for child in found:  # grows while it is gone through
        found += children.get(child, [])
    return found
