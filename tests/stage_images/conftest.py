"""What the tests of the stage types share: the shipped busybox, a pod of plain processes, StageRuns."""

import io
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from docker import DockerClient

from local.services import ExternalRegistry, start_external_registry
from shared import keys
from tests.stage_images.plain_pod import PlainPod
from tests.stage_images.stage_runs import CONTEXT, Bench

WriteFiles = Callable[..., None]


@pytest.fixture(scope="session")
def docker(engine: Any) -> Iterator[DockerClient]:
    """The engine as the Docker SDK shows it, for what a test prepares and looks up."""
    client = DockerClient(engine.url, timeout=120)
    yield client
    for image in client.api.images(
        quiet=True, filters={"label": f"org.opencontainers.image.revision={CONTEXT.commit}"}
    ):
        client.api.remove_image(image, force=True)
    client.close()


@pytest.fixture(scope="session")
def busybox(docker: DockerClient, images: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The static busybox of the image that ships."""
    container = docker.containers.create(images["command"])
    try:
        chunks, _ = container.get_archive("/usr/lib/kontinuous/busybox")
        folder = tmp_path_factory.mktemp("busybox")
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
            archive.extractall(folder, filter="data")
    finally:
        container.remove()
    return folder / "busybox"


@pytest.fixture
def pod(tmp_path: Path, busybox: Path) -> Iterator[PlainPod]:
    """A prepared pod of plain processes."""
    pod = PlainPod(tmp_path, busybox)
    pod.prepare()
    yield pod
    pod.end()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Makes StageRuns."""
    return Bench(tmp_path)


@pytest.fixture(scope="session")
def external(engine: Any, home: Any) -> Iterator[ExternalRegistry]:
    """A registry that wants a login."""
    registry = start_external_registry(engine, home, print)
    yield registry
    registry.stop()


@pytest.fixture
def repository(bench: Bench) -> WriteFiles:
    """Writes files into the clone; modes as the clone has them, for all to write."""

    def write(**files: str) -> None:
        for name, text in files.items():
            path = bench.workspace / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(0o666)

    return write


@pytest.fixture
def internal(services: Any, engine: Any) -> dict[str, Any]:
    """What a stage's run gets that uses the internal registry."""
    login = services.credentials
    credentials = {keys.REGISTRY_USER: login.registry_user, keys.REGISTRY_PASSWORD: login.registry_password}
    return {"registry": services.registry, "docker_host": engine.url, "credentials": credentials}
