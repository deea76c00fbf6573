"""How tests break the real parts: ports taken, containers killed and started again, disks filled."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from docker import DockerClient
from docker.errors import APIError

from local.engine import Engine
from tests.e2e.journey import Kontinuous, Running, containers_of, python
from tests.waiting import wait_for

# Prints numbered lines until it is let go, and then how many there were.
WRITE_UNTIL_LET_GO = """
    import os, time
    number = 0
    while not os.path.exists("/tmp/go"):
        print("line", number, flush=True)
        number += 1
        time.sleep(0.02)
    print("ended after", number, flush=True)
"""
WRITING = python("Write", WRITE_UNTIL_LET_GO)


def let_go(engine: Engine, kontinuous: Kontinuous, folder: Path) -> None:
    """Let the program WRITE_UNTIL_LET_GO end, and wait until its container has."""
    user = container_of(engine, kontinuous, folder, "user")
    with engine.client() as client:
        client.containers.get(user).exec_run(["touch", "/tmp/go"])
    wait_for(lambda: not containers_of(engine, kontinuous.instance, user))


def container_of(engine: Engine, kontinuous: Kontinuous, folder: Path, container: str) -> str:
    """The name of the one running container `stage` or `user` of the builds of a folder."""
    [name] = (n for n in containers_of(engine, kontinuous.instance, f"-{folder.name}-") if n.endswith(f"-{container}"))
    return name


def assert_whole(log: bytes) -> None:
    """Check that the log of WRITE_UNTIL_LET_GO has every line once, in order, and nothing between them but notes."""
    lines = [line for line in log.decode().splitlines() if line.startswith(("line ", "ended "))]
    count = len(lines) - 1
    assert count > 0
    assert lines == [*(f"line {number}" for number in range(count)), f"ended after {count}"]


def begin(kontinuous: Kontinuous, folder: Path) -> Running:
    """Start a run of WRITING and wait until it writes."""
    run = kontinuous.start("run", folder)
    run.wait_for_text("write | line 3\n")
    return run


def service_container(kontinuous: Kontinuous, service: str) -> str:
    """The name of the container of etcd, minio, internal-registry or git."""
    return f"kontinuous-{kontinuous.instance}-{service}"


@contextmanager
def killed(engine: Engine, container: str) -> Iterator[DockerClient]:
    """Kill a container, and start it again at the block's end."""
    with engine.client() as client:
        client.api.kill(container)
        wait_for(lambda: not client.api.inspect_container(container)["State"]["Running"])
        try:
            yield client
        finally:
            wait_for(lambda: _starts(client, container))


def _starts(client: DockerClient, container: str) -> bool:
    """Start a container; False while what carried its port's traffic has not left the port yet."""
    try:
        client.api.start(container)
    except APIError as error:
        if "address already in use" not in str(error):
            raise
        return False
    return True


@contextmanager
def taken(*ports: int) -> Iterator[None]:
    """Listen on these ports of 127.0.0.1; one that somebody listens on already is as good."""
    with ExitStack() as stack:
        for port in ports:
            listener = stack.enter_context(socket.socket())
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
                listener.listen()
            except OSError:
                assert socket.create_connection(("127.0.0.1", port), 5).close() is None
        yield


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """Mount a disk of its own on a folder; wants root."""
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "none", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path, leave: int = 0) -> Path:
    """Fill the disk that a folder is on but for `leave` bytes; returns the file to remove."""
    file = folder / "ballast"
    space = os.statvfs(folder)
    with file.open("wb") as out:
        os.posix_fallocate(out.fileno(), 0, max(1, space.f_bavail * space.f_frsize - leave))
    return file
