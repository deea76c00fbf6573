"""A Docker engine of our own: a `dockerd` with its own socket, data folder and bridge, beside any other engine."""

import fcntl
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from local.apt import apt_install
from local.bridge import address_of, make_bridge, remove_bridge
from local.home import path_hash
from local.progress import Say
from shared.errors import InfrastructureError

START_S = 60
STOP_S = 40
POLL_S = 0.05
LOG_TAIL_LINES = 15
NOT_ROOT = (
    "no Docker engine was found, and only root may start one. Install Docker (Debian, Ubuntu: "
    "`sudo apt-get install docker.io && sudo usermod -aG docker $USER`, then log in again; elsewhere: "
    "https://docs.docker.com/engine/install/), or set DOCKER_HOST to the unix:// socket of a running engine"
)


@dataclass(slots=True)
class Daemon:
    """The `dockerd` that belongs to the folder `home`, whether it runs or not. `process`: it is a child of ours."""

    home: Path
    process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False, compare=False)

    @property
    def runtime(self) -> Path:
        """The folder of its socket: a short path, since a socket's path must stay below 108 characters."""
        return Path(f"/run/kontinuous-{path_hash(self.home)}")

    @property
    def url(self) -> str:
        """Its address for DOCKER_HOST."""
        return f"unix://{self.runtime}/docker.sock"

    @property
    def log(self) -> Path:
        """What it writes about itself."""
        return self.home / "engine" / "dockerd.log"

    @property
    def bridge(self) -> str:
        """Its network bridge; at most 15 characters. Another engine on this machine may own `docker0`."""
        return f"kont-{path_hash(self.home)}"

    def take_over(self) -> bool:
        """Become the one who is to stop it, where the process that was is gone; others who find it then only use it."""
        with _locked(self.runtime / "lock"):
            try:
                owner = int((self.runtime / "owner").read_text())
            except (OSError, ValueError):
                return False
            if is_alive(owner):
                return False
            (self.runtime / "owner").write_text(str(os.getpid()))
            return True

    def start(self, say: Say, answers: Callable[[], bool]) -> None:
        """Start it, installing what it needs, and wait until it `answers()`; raises InfrastructureError."""
        if os.geteuid() != 0:
            raise InfrastructureError(NOT_ROOT)
        _install(say)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.runtime.mkdir(parents=True, exist_ok=True)
        with _locked(self.runtime / "lock"):
            if answers():
                return
            say(f"Docker engine: starting our own at {self.url}, data in {self.home}/engine/data")
            address = make_bridge(self.bridge)
            self._launch(answers)
            self._drop_networks()
            if address_of(self.bridge) != address:
                self._forget_address()
                make_bridge(self.bridge)
                self._launch(answers)

    def _drop_networks(self) -> None:
        """Remove the networks of containers that are gone.

        The engine brings them back with their addresses, which another engine may have taken meanwhile.
        """
        import docker

        from local.engine import engine_errors

        client = docker.DockerClient(base_url=self.url, timeout=START_S)
        with engine_errors("remove old networks"), closing(client):
            client.networks.prune()

    def _forget_address(self) -> None:
        """End it, without its memory of networks: it puts the address that its bridge had before over a free one."""
        self.stop()
        (self.home / "engine" / "data" / "network" / "files" / "local-kv.db").unlink()

    def _launch(self, answers: Callable[[], bool]) -> None:
        self._pid_file.unlink(missing_ok=True)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self._command(), stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )
        (self.runtime / "owner").write_text(str(os.getpid()))
        deadline = time.monotonic() + START_S
        while not answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise InfrastructureError(f"our engine did not start; the end of {self.log}:\n{self._log_tail()}")
            time.sleep(POLL_S)

    @property
    def _pid_file(self) -> Path:
        return self.runtime / "pid"

    def _command(self) -> list[str]:
        return [
            "dockerd", "--host", self.url, "--data-root", str(self.home / "engine" / "data"),
            "--exec-root", str(self.runtime / "exec"), "--pidfile", str(self._pid_file), "--bridge", self.bridge,
        ]  # fmt: skip

    def _log_tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:])

    def stop(self) -> None:
        """End it and take its bridge away; raises InfrastructureError when it does not end in time."""
        if pid := self._pid():
            _terminate(pid)
            deadline = time.monotonic() + STOP_S
            while is_alive(pid):
                if time.monotonic() > deadline:
                    raise InfrastructureError(
                        f"our engine, process {pid}, did not end within {STOP_S} s: see {self.log}"
                    )
                time.sleep(POLL_S)
        if self.process:
            self.process.wait()
        self._pid_file.unlink(missing_ok=True)
        remove_bridge(self.bridge)

    def _pid(self) -> int:
        """The process to end; 0 where there is none. A stale pid file may hold another process's number by now."""
        if self.process:
            return self.process.pid
        with suppress(OSError, ValueError):
            pid = int(self._pid_file.read_text())
            if Path(f"/proc/{pid}/comm").read_text().strip() == "dockerd":
                return pid
        return 0


def is_alive(pid: int) -> bool:
    """Say whether a process of this id runs; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def _terminate(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)


def _install(say: Say) -> None:
    packages = {"dockerd": "docker.io", "ip": "iproute2", "iptables": "iptables"}
    missing = [package for command, package in packages.items() if not shutil.which(command)]
    if missing:
        say(f"Docker engine: installing {', '.join(missing)}")
        apt_install(*missing)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
