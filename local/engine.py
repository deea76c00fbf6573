"""The Docker engine of the one-machine mode: found, or installed and started by us.

Asked in this order: DOCKER_HOST, an engine of ours that still runs, the usual socket. Failing these, as root on
Debian or Ubuntu, `docker.io` is installed and an engine of our own is started (local/own_engine.py).
KONTINUOUS_ENGINE=own passes over the first and the third.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from local import own_engine
from local.progress import Say
from shared.errors import InfrastructureError

if TYPE_CHECKING:
    from docker import DockerClient

USUAL_SOCKET = Path("/var/run/docker.sock")
ENGINE_VARIABLE = "KONTINUOUS_ENGINE"
UNIX = "unix://"
PING_S = 5


@dataclass(frozen=True, slots=True)
class Engine:
    """A Docker engine that answers at `url` (unix://…).

    `ours` says that kontinuous started it, now or earlier. `to_stop` is what ends it, where this very
    `find_engine` started it or took it over from a process that died; else None.
    """

    url: str
    ours: bool
    to_stop: "own_engine.Daemon | None" = None

    @property
    def socket(self) -> Path:
        """The engine's socket, as a path on this machine."""
        return Path(self.url.removeprefix(UNIX))

    @contextmanager
    def client(self, timeout_s: int = 60) -> Iterator["DockerClient"]:
        """A client of the Docker SDK for a `with` block; each call on it waits at most `timeout_s` for an answer."""
        import docker

        client = docker.DockerClient(base_url=self.url, timeout=timeout_s, version="auto")
        try:
            yield client
        finally:
            client.close()

    def stop(self) -> None:
        """End the engine if it is ours to end, waiting a bounded time; otherwise leave it alone."""
        if self.to_stop:
            self.to_stop.stop()


@contextmanager
def engine_errors(doing: str) -> Iterator[None]:
    """Turn what the Docker SDK raises inside into an InfrastructureError that begins with "cannot <doing>"."""
    from docker.errors import DockerException
    from requests import RequestException

    try:
        yield
    except (DockerException, RequestException, OSError) as error:
        raise InfrastructureError(f"cannot {doing}: {getattr(error, 'explanation', None) or error}") from error


def find_engine(home: Path, say: Say, environ: Mapping[str, str] = os.environ, *, ours: bool = False) -> Engine:
    """Find a Docker engine that answers, or start one of our own with its data below the folder `home`.

    `ours` declares that an engine found at DOCKER_HOST or the usual socket may be treated as one of ours.
    Raises InfrastructureError that says what to install or to change.
    """
    only_own = environ.get(ENGINE_VARIABLE) == "own"
    if environ.get("DOCKER_HOST") and not only_own:
        return replace(_given(environ["DOCKER_HOST"]), ours=ours)
    daemon = own_engine.Daemon(home)
    if not _problem(daemon.url):
        say(f"Docker engine: our own, still running at {daemon.url}")
        return Engine(daemon.url, ours=True, to_stop=daemon if daemon.take_over() else None)
    if USUAL_SOCKET.exists() and not only_own:
        return replace(_usual(), ours=ours)
    daemon.start(say, answers=lambda: not _problem(daemon.url))
    return Engine(daemon.url, ours=True, to_stop=daemon)


def _given(url: str) -> Engine:
    if not url.startswith(UNIX):
        raise InfrastructureError(
            f"DOCKER_HOST is {url}: an engine on another machine cannot serve the one-machine mode, whose stages share "
            "its socket and this machine's loopback. Unset it, or set it to a unix:// socket of this machine"
        )
    if problem := _problem(url):
        raise InfrastructureError(f"no engine answers at DOCKER_HOST={url} ({problem}): start it, or unset DOCKER_HOST")
    return Engine(url, ours=False)


def _usual() -> Engine:
    url = f"{UNIX}{USUAL_SOCKET}"
    if not os.access(USUAL_SOCKET, os.R_OK | os.W_OK):
        raise InfrastructureError(
            f"{USUAL_SOCKET} is there but you may not use it: run `sudo usermod -aG docker $USER` and log in again"
        )
    if problem := _problem(url):
        raise InfrastructureError(
            f"no Docker engine answers at {USUAL_SOCKET} ({problem}): start Docker (`sudo systemctl start docker`), "
            f"or set {ENGINE_VARIABLE}=own to let kontinuous start its own (as root)"
        )
    return Engine(url, ours=False)


def _problem(url: str) -> str:
    """Say why no engine answers at `url`; "" when one does."""
    if not os.path.exists(url.removeprefix(UNIX)):
        return "no such socket"
    from docker.errors import DockerException
    from requests import RequestException

    try:
        with Engine(url, ours=False).client(timeout_s=PING_S) as client:
            client.ping()
    except (DockerException, RequestException) as error:
        return str(error).splitlines()[0]
    return ""
