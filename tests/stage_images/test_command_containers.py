"""The hand-over in the shape it has in a pod: two containers that share a memory-backed folder."""

import io
import secrets
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docker import DockerClient
from docker.models.containers import Container

from shared.keys import HANDOFF

BASE = "debian:trixie-slim"
LIMIT_S = 60.0

STAGE = """
import os, signal
from pathlib import Path
from shared import keys
from shared.errors import KontinuousError, Interrupted
from stage_images.command.handoff import HandOff

def told(*_):
    raise Interrupted("told to stop")

signal.signal(signal.SIGTERM, told)
try:
    with HandOff(Path(keys.HANDOFF)) as handoff:
        code = handoff.start({"a-param": b"its value"}).run(lambda data: os.write(1, data))
    os.write(2, f"exit code {code}".encode())
except KontinuousError as error:
    os.write(2, str(error).encode())
"""


class Pod:
    """Starts the two containers in a pod's order."""

    def __init__(self, docker: DockerClient, image: str) -> None:
        self._docker = docker
        options = {"type": "tmpfs", "device": "tmpfs", "o": "mode=0777,size=16m"}
        self._volume = docker.volumes.create(f"kontinuous-test-{secrets.token_hex(4)}", driver_opts=options)
        self._mount = {self._volume.name: {"bind": HANDOFF}}
        self._containers: list[Container] = []
        self.stage = self._start(image, entrypoint=["python3", "-c", STAGE], read_only=True, cap_drop=["ALL"])
        code, output = self.stage.exec_run(["/usr/lib/kontinuous/busybox", "sh", "/usr/lib/kontinuous/prepare.sh"])
        assert code == 0, output

    def _start(self, image: str, **fields: Any) -> Container:
        container = self._docker.containers.run(image, volumes=self._mount, network_mode="none", detach=True, **fields)
        self._containers.append(container)
        return container

    def start_user(self, image: str, *command: str, **fields: Any) -> Container:
        entrypoint = [f"{HANDOFF}/busybox", "sh", f"{HANDOFF}/user.sh"]
        return self._start(image, entrypoint=entrypoint, command=list(command), **fields)

    def end(self) -> tuple[bytes, str]:
        """Wait for the stage's end: what it relayed, and its last word."""
        self.stage.wait(timeout=LIMIT_S)
        return self.stage.logs(stderr=False), self.stage.logs(stdout=False).decode()

    def remove(self) -> None:
        for container in self._containers:
            container.remove(force=True)
        self._volume.remove()


@pytest.fixture
def two(docker: DockerClient, images: Any) -> Iterator[Pod]:
    pod = Pod(docker, images["command"])
    yield pod
    pod.remove()


@pytest.fixture(scope="module")
def scratch(docker: DockerClient, busybox: Path) -> Iterator[str]:
    """An image with one static binary and nothing else: no shell, no /etc, no /tmp."""
    name = f"kontinuous-test-scratch:{secrets.token_hex(4)}"
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.add(busybox, "busybox")
    docker.api.import_image_from_data(buffer.getvalue(), *name.split(":"))
    yield name
    docker.images.remove(name)


def test_output_and_exit_code_of_an_ordinary_image(two: Pod) -> None:
    user = two.start_user(BASE, "sh", "-c", "id -u; echo err >&2; exit 3")
    assert two.end() == (b"0\nerr\n", "exit code 3")
    assert user.wait()["StatusCode"] == 3


def test_params_reach_the_command_beside_the_containers_own_variables(two: Pod) -> None:
    two.start_user(BASE, "env", environment={"own.name": "kept"}, hostname="here")
    output, word = two.end()
    found = dict(line.split(b"=", 1) for line in output.splitlines())
    assert found.items() >= {b"a-param": b"its value", b"own.name": b"kept", b"HOSTNAME": b"here"}.items()
    assert (set(found) - {b"a-param", b"own.name"}, word) == ({b"PATH", b"HOSTNAME", b"HOME"}, "exit code 0")


def test_an_image_that_runs_as_a_user_without_rights(two: Pod) -> None:
    two.start_user(
        BASE, "sh", "-c", f"id -u; ls {HANDOFF}/pipes/env; echo x >/dev/stdout", user="4711:4711", read_only=True
    )
    output, word = two.end()
    assert (output.splitlines()[0], output.splitlines()[-1], word) == (b"4711", b"x", "exit code 0")
    assert b"No such file" in output


def test_an_image_without_a_shell(two: Pod, scratch: str) -> None:
    two.start_user(scratch, "/busybox", "echo", "static")
    assert two.end() == (b"static\n", "exit code 0")


def test_a_shell_that_the_image_lacks_is_not_ours(two: Pod, scratch: str) -> None:
    two.start_user(scratch, "sh", "-c", "echo never")
    output, word = two.end()
    assert (output.startswith(b"sh: not found"), word) == (True, "exit code 127")


def test_a_background_child_ends_with_its_container(two: Pod) -> None:
    user = two.start_user(BASE, "sh", "-c", "sleep 1000 & echo done")
    assert two.end() == (b"done\n", "exit code 0")
    assert user.wait(timeout=LIMIT_S)["StatusCode"] == 0


def test_running_out_of_memory_is_seen_as_137_or_as_no_exit_code(two: Pod) -> None:
    user = two.start_user(BASE, "tail", "/dev/zero", mem_limit="32m", memswap_limit="32m")
    _, word = two.end()
    assert word in ("exit code 137", "the command's container ended without an exit code")
    assert user.wait(timeout=LIMIT_S)["StatusCode"] == 137
    user.reload()
    assert user.attrs["State"]["OOMKilled"]


def test_a_pod_that_is_told_to_stop_lets_the_command_say_its_last_words(two: Pod) -> None:
    user = two.start_user(BASE, "sh", "-c", "trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.1; done")
    wait_for(two.stage, b"ready")
    user.kill("SIGTERM")
    two.stage.kill("SIGTERM")
    assert two.end() == (b"ready\nbye\n", "told to stop")
    assert user.wait(timeout=LIMIT_S)["StatusCode"] == 5


def test_a_container_that_is_killed_left_no_exit_code(two: Pod) -> None:
    user = two.start_user(BASE, "sh", "-c", "echo ready; sleep 1000")
    wait_for(two.stage, b"ready")
    user.kill("SIGKILL")
    assert two.end()[1] == "the command's container ended without an exit code"


def wait_for(container: Container, text: bytes) -> None:
    until = time.monotonic() + LIMIT_S
    while text not in container.logs():
        assert time.monotonic() < until, container.logs()
        time.sleep(0.05)
