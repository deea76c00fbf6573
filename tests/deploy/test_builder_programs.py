"""The builder's own two programs, on a Docker engine that nobody else uses."""

import io
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.engine import ENGINE_VARIABLE, Engine, find_engine
from local.service_images.builder.prune import AGES_H, make_room, prune
from tests.waiting import wait_for

IMAGE = "example:built"


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = find_engine(tmp_path_factory.mktemp("builder"), print, {ENGINE_VARIABLE: "own"})
    yield engine
    engine.stop()


@pytest.fixture
def image(builder: Engine) -> str:
    """An image that was made just now and that no container uses."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        entry = tarfile.TarInfo("file")
        entry.size = 1 << 20
        tar.addfile(entry, io.BytesIO(b"x" * entry.size))
    with builder.client() as client:
        client.api.import_image_from_data(data.getvalue(), *IMAGE.split(":"))
    return IMAGE


def there(builder: Engine) -> bool:
    with builder.client() as client:
        return bool(client.images.list(IMAGE))


def test_what_is_unused_and_old_enough_goes(builder: Engine, image: str) -> None:
    assert prune(str(builder.socket), age_h=1) == 0
    assert there(builder)
    # The engine reckons in whole seconds.
    assert wait_for(lambda: prune(str(builder.socket), age_h=0)) >= 1 << 20
    assert not there(builder)


def test_an_engine_that_is_away_is_an_error_that_can_be_waited_out(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        prune(str(tmp_path / "no.sock"), age_h=1)


def test_the_oldest_goes_first_and_only_until_there_is_room() -> None:
    free = iter([10.0, 15.0, 15.0, 30.0, 30.0, 30.0])
    pruned: list[int] = []

    def prune_older(age_h: int) -> int:
        pruned.append(age_h)
        return 1

    make_room(lambda: next(free), 25, prune_older)
    assert pruned == list(AGES_H[:2])


def test_with_room_enough_nothing_goes() -> None:
    make_room(lambda: 25.0, 25, lambda age_h: pytest.fail(f"pruned {age_h}"))


def ping(path: Path) -> int:
    program = Path(sys.modules[prune.__module__].__file__ or "").with_name("ping.py")
    return subprocess.run([sys.executable, "-SE", str(program), str(path)], capture_output=True, timeout=10).returncode


def test_the_probe_tells_an_engine_from_none(builder: Engine, tmp_path: Path) -> None:
    assert ping(builder.socket) == 0
    assert ping(tmp_path / "no.sock") == 1
