"""The images: built once, with all that they import, and clear errors where a part cannot be had."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Event

import pytest

from local.base_images import PYTHON, ensure_base
from local.containers import Runner, Running, Spec
from local.engine import Engine
from local.home import Home
from local.images import _Build, ensure_images
from local.recipes import Recipe, references
from local.services import Services
from local.site import collect_site
from shared.errors import InfrastructureError, Interrupted

IMPORTS = {
    "command": "shared.model, shared.etcd_gateway, minio, requests, tenacity, stage_images.command.stage",
    "docker_build": "docker, shared.etcd_gateway, minio, stage_images._docker",
    "docker_publish": "docker, shared.etcd_gateway, minio, stage_images._docker",
}


def run(engine: Engine, image: str, *command: str) -> str:
    with engine.client() as client:
        output = client.containers.run(image, list(command[1:]), entrypoint=command[0], remove=True, read_only=True)
    return bytes(output).decode()


def test_a_second_call_builds_nothing_and_is_quick(engine: Engine, home: Home, images: Mapping[str, str]) -> None:
    said: list[str] = []
    began = time.monotonic()
    assert ensure_images(engine, home.cache, said.append) == images
    assert time.monotonic() - began < 5
    assert not [text for text in said if "building" in text]


@pytest.mark.parametrize("name", IMPORTS)
def test_a_stage_image_imports_all_it_needs(engine: Engine, images: Mapping[str, str], name: str) -> None:
    program = f"import {IMPORTS[name]}, os, sys; print(os.getuid(), sys.version_info[:2])"
    assert run(engine, images[name], "python3", "-c", program) == "65532 (3, 13)\n"


@pytest.mark.parametrize("name", IMPORTS)
def test_a_stage_image_has_compiled_code(engine: Engine, images: Mapping[str, str], name: str) -> None:
    program = "import shared.model, requests; print(shared.model.__cached__, requests.__cached__)"
    check = f"import os\n{program.replace('print', 'paths = ')}\nprint(all(map(os.path.exists, paths)))"
    assert run(engine, images[name], "python3", "-c", check) == "True\n"


def test_busybox_in_the_base_image_is_static(engine: Engine, images: Mapping[str, str]) -> None:
    script = "cp /usr/lib/kontinuous/busybox /empty && chroot /empty /busybox echo no library needed"
    with engine.client() as client:
        output = client.containers.run(
            images["base"], ["-c", script], entrypoint="sh", user="0", tmpfs={"/empty": "exec"}, remove=True
        )
    assert output == b"no library needed\n"


def test_docker_build_has_the_command_and_buildx(engine: Engine, images: Mapping[str, str]) -> None:
    assert "buildx" in run(engine, images["docker_build"], "docker", "buildx", "version")


def test_a_failing_build_shows_the_end_of_its_output(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM {PYTHON}\nRUN echo the reason >&2 && exit 3\n")
    recipe = Recipe("broken", tmp_path)
    build = _Build(engine, recipe, references([recipe]), PYTHON, print, Event())
    with pytest.raises(InfrastructureError, match=r"non-zero code: 3; its last output:\n(.*\n)*the reason"):
        build.build_now(None)


def test_an_engine_that_is_not_ours_gets_no_homemade_base(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KONTINUOUS_IMAGE_MIRROR", "localhost:9/unreachable")
    began = time.monotonic()
    with pytest.raises(InfrastructureError, match=r"localhost:9/unreachable/python:3\.13-slim cannot be pulled"):
        ensure_base(Engine(engine.url, ours=False), tmp_path, print)
    assert time.monotonic() - began < 30
    assert not list(tmp_path.iterdir())


@pytest.fixture
def mirror(engine: Engine, services: Services, images: Mapping[str, str], tmp_path: Path) -> Iterator[Running]:
    """A registry without a password, that has the base image."""
    config = tmp_path / "config.yml"
    config.write_text("version: 0.1\nstorage: {inmemory: {}}\nhttp: {addr: ':5000'}\n")
    mounts = {str(config): "/etc/docker/registry/config.yml:ro"}
    spec = Spec("mirror", "mirror", images["registry"], 5000, 5100, mounts=mounts)
    running = Runner(engine, "mirrortest", services.network, tmp_path).run(spec)
    running.wait_until(lambda: _pushed(engine, f"localhost:{running.port}/mirror/python"))
    yield running
    running.stop()
    with engine.client() as client:
        client.images.remove(f"localhost:{running.port}/mirror/python:3.13-slim", force=True)


def _pushed(engine: Engine, repository: str) -> bool:
    with engine.client() as client:
        client.images.get(PYTHON).tag(repository, "3.13-slim")
        answer = str(client.images.push(repository, "3.13-slim"))
        client.images.remove(f"{repository}:3.13-slim")
    return "digest" in answer


def test_the_base_image_is_pulled_from_a_mirror(
    engine: Engine, mirror: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KONTINUOUS_IMAGE_MIRROR", f"localhost:{mirror.port}/mirror")
    said: list[str] = []
    reference = ensure_base(Engine(engine.url, ours=False), tmp_path, said.append)
    assert reference == f"localhost:{mirror.port}/mirror/python:3.13-slim"
    assert said[-1] == f"base image: {reference}, pulled"


def test_a_library_that_does_not_exist_is_named(tmp_path: Path) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("requests==0.0.0.999\n")
    with pytest.raises(InfrastructureError, match=r"requests==0\.0\.0\.999"):
        collect_site(requirements, "amd64", tmp_path / "cache")


@pytest.mark.parametrize(("architecture", "machine"), [("amd64", 0x3E), ("arm64", 0xB7)])
def test_libraries_are_collected_for_an_architecture(tmp_path: Path, architecture: str, machine: int) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("bcrypt==5.0.0\n")
    site = collect_site(requirements, architecture, tmp_path / "cache")
    library = next(site.rglob("*.so")).read_bytes()
    assert library[18] == machine  # e_machine of the ELF header
    assert collect_site(requirements, architecture, tmp_path / "cache") == site


def test_an_architecture_without_images_is_named(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match="riscv64"):
        collect_site(tmp_path / "none", "riscv64", tmp_path)


def test_a_build_that_is_told_to_stop_ends_before_its_end(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM {PYTHON}\nRUN while echo working; do sleep 0.2; done\n")
    recipe = Recipe("endless", tmp_path)
    stop = Event()
    build = _Build(engine, recipe, references([recipe]), PYTHON, lambda _: stop.set(), stop)
    with pytest.raises(Interrupted, match="endless"):
        build.build_now(None)
