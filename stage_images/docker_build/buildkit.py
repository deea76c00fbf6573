"""Builds with BuildKit, which the Docker SDK does not speak: `docker buildx` as a child process."""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from shared import keys
from shared.errors import InfrastructureError, KontinuousError
from stage_images._events import Write
from stage_images.docker_build.failures import failure
from stage_images.docker_build.recipe import Recipe

_READ_BYTES = 64 * 1024
_TAIL_BYTES = 16 * 1024  # buildx ends with the failed step, its last output and its error
_END_WITHIN_S = 5.0

_STEP = re.compile(r"^ > \[(.+?)\] ?(.*?):?$", re.MULTILINE)
_ERROR = re.compile(r"^(?:ERROR|error): (.+)$", re.MULTILINE)
_EXIT_CODE = re.compile(r"exit code: (\d+)")


def build(recipe: Recipe, tag: str, labels: Mapping[str, str], docker_host: str, write: Write) -> None:
    """Build with the engine at `docker_host` and leave the image there under `tag`; output goes to `write` as it comes.

    Raises UserWorkFailed, InputError or InfrastructureError, whoever is to blame.
    """
    with TemporaryDirectory(prefix="buildx-") as home, _buildx(recipe, tag, labels, docker_host, home) as child:
        assert child.stdout is not None  # noqa: S101, asked for a line above
        tail = b""
        while data := os.read(child.stdout.fileno(), _READ_BYTES):
            write(data)
            tail = (tail + data)[-_TAIL_BYTES:]
        if child.wait() != 0:
            raise read_failure(tail.decode(errors="replace"))


def read_failure(output: str) -> KontinuousError:
    """Turn the end of what a failed `docker buildx build` has said into an error."""
    errors, steps = _ERROR.findall(output), _STEP.findall(output)
    words = errors[-1] if errors else "docker buildx ended without a reason"
    exit_code = _EXIT_CODE.search(words)
    step = " ".join(steps[-1]).strip() if steps else ""
    return failure(step, words, int(exit_code[1]) if exit_code else None)


@contextmanager
def _buildx(
    recipe: Recipe, tag: str, labels: Mapping[str, str], docker_host: str, home: str
) -> Iterator[subprocess.Popen[bytes]]:
    """The child process; it has ended, one way or the other, when this is left."""
    command = ["docker", "buildx", "build", "--progress", "plain", "--load", "--tag", tag]
    command += [word for name, value in labels.items() for word in ("--label", f"{name}={value}")]
    command += ["--file", str(recipe.dockerfile), str(recipe.context)]
    try:
        child = subprocess.Popen(
            command,
            env=_environment(docker_host, home),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    except FileNotFoundError as error:
        raise InfrastructureError("this stage image has no `docker` command, which BuildKit needs") from error
    try:
        yield child
    finally:
        _end(child)


def _environment(docker_host: str, home: str) -> dict[str, str]:
    """All that buildx gets: nothing of our own environment, no login, and a folder that goes away."""
    tls = {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": keys.BUILDER_TLS}
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": home,
        "DOCKER_CONFIG": home,
        "DOCKER_HOST": docker_host,
        "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",  # one image, not an index of image and attestation
        **(tls if docker_host.startswith("tcp://") and Path(keys.BUILDER_TLS).is_dir() else {}),
    }


def _end(child: subprocess.Popen[bytes]) -> None:
    """End a child that still runs; it cancels its build with the engine when it is asked to."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(_END_WITHIN_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    if child.stdout is not None:
        child.stdout.close()
