"""Stage images made for a test: on the base that ships, in the engine that the proof uses."""

import io
import tarfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from local.engine import Engine
from local.home import Home
from local.images import ensure_images
from tests.e2e.journey import Done, kontinuous_of

LIMIT_S = 240
Make = Callable[..., str]


@pytest.fixture(scope="session")
def program_image(engine: Engine, home: Home) -> str:
    """What stages of one's own start from."""
    return ensure_images(engine, home.cache, print, ["program"])["program"]


@pytest.fixture
def make_image(engine: Engine, program_image: str) -> Iterator[Make]:
    """Build an image from a Dockerfile's lines after its FROM, and the files that it copies."""
    made: list[str] = []

    def make(name: str, *lines: str, **files: bytes) -> str:
        context = io.BytesIO()
        files["Dockerfile"] = "\n".join((f"FROM {program_image}", *lines)).encode()
        with tarfile.open(fileobj=context, mode="w") as tar:
            for path, data in files.items():
                entry = tarfile.TarInfo(path)
                entry.size, entry.mode = len(data), 0o644
                tar.addfile(entry, io.BytesIO(data))
        context.seek(0)
        tag = f"kontinuous-test/{name}:1"
        with engine.client(timeout_s=LIMIT_S) as client:
            client.images.build(fileobj=context, custom_context=True, tag=tag, rm=True)
        made.append(tag)
        return tag

    yield make
    with engine.client() as client:
        for tag in made:
            client.images.remove(tag, force=True)


@pytest.fixture
def conformance(home: Home, images: Mapping[str, str], tmp_path: Path) -> Iterator[Callable[..., Done]]:
    """`kontinuous conformance`."""
    kontinuous = kontinuous_of(tmp_path, home)

    def run(*arguments: object) -> Done:
        return kontinuous("conformance", *arguments, limit_s=LIMIT_S)

    yield run
    kontinuous.close()
