"""The builder's own two programs, on a Docker engine that nobody else uses."""

import hashlib
import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from docker.errors import ImageNotFound

from local.engine import ENGINE_VARIABLE, Engine, find_engine
from local.service_images.builder.prune import AGES_H, Arrivals, images, make_room, prune

IMAGE = "example:published"
NAMES = [IMAGE, "mirror.example/example:published"]


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = find_engine(tmp_path_factory.mktemp("builder"), print, {ENGINE_VARIABLE: "own"})
    yield engine
    engine.stop()


@pytest.fixture
def image(builder: Engine) -> Iterator[str]:
    """An image that was published long ago, came here after the first look, and that no container uses."""
    with builder.client() as client:
        client.api.load_image(published_image())
        yield IMAGE
        for name in NAMES:
            with suppress(ImageNotFound):
                client.images.remove(name, force=True)


def published_image() -> bytes:
    """What `docker save` makes of an image: two names, and one layer with one file."""
    layer = tar_of(file=b"x")
    diff = f"sha256:{hashlib.sha256(layer).hexdigest()}"
    config = {
        "architecture": "amd64",
        "os": "linux",
        "created": "2020-01-01T00:00:00Z",
        "config": {"Cmd": ["/file"]},
        "rootfs": {"type": "layers", "diff_ids": [diff]},
    }
    manifest = [{"Config": "config.json", "RepoTags": NAMES, "Layers": ["layer.tar"]}]
    files = {"manifest.json": json.dumps(manifest).encode(), "config.json": json.dumps(config).encode()}
    return tar_of(**files, **{"layer.tar": layer})


def tar_of(**files: bytes) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return data.getvalue()


def there(builder: Engine) -> bool:
    with builder.client() as client:
        return bool(client.images.list(IMAGE))


def seen_at_first(path: str) -> Arrivals:
    """Of what is there already, only the day of its making is known."""
    arrivals = Arrivals()
    arrivals.look(images(path))
    return arrivals


def test_what_is_unused_and_old_enough_goes_under_all_its_names(builder: Engine, image: str) -> None:
    prune(str(builder.socket), 1, seen_at_first(str(builder.socket)))
    assert not there(builder)
    assert images(str(builder.socket)) == []


def test_an_old_image_that_came_a_moment_ago_stays(builder: Engine) -> None:
    path = str(builder.socket)
    arrivals = seen_at_first(path)
    with builder.client() as client:
        client.api.load_image(published_image())
    arrivals.look(images(path))
    prune(path, 1, arrivals)
    assert there(builder)
    prune(path, 0, arrivals)
    assert not there(builder)


def test_what_a_container_uses_stays(builder: Engine, image: str) -> None:
    with builder.client() as client:
        container = client.containers.create(image)
        prune(str(builder.socket), 1, seen_at_first(str(builder.socket)))
        assert there(builder)
        container.remove()


def test_an_engine_that_is_away_is_an_error_that_can_be_waited_out(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        images(str(tmp_path / "no.sock"))


def test_the_oldest_goes_first_and_only_until_there_is_room() -> None:
    free = iter([10.0, 15.0, 15.0, 30.0, 30.0, 30.0])
    pruned: list[int] = []

    make_room(lambda: next(free), 25, pruned.append)
    assert pruned == list(AGES_H[:2])


def test_with_room_enough_nothing_goes() -> None:
    make_room(lambda: 25.0, 25, lambda age_h: pytest.fail(f"pruned {age_h}"))


def ping(path: Path) -> int:
    program = Path(sys.modules[prune.__module__].__file__ or "").with_name("ping.py")
    return subprocess.run([sys.executable, "-SE", str(program), str(path)], capture_output=True, timeout=10).returncode


def test_the_probe_tells_an_engine_from_none(builder: Engine, tmp_path: Path) -> None:
    assert ping(builder.socket) == 0
    assert ping(tmp_path / "no.sock") == 1
