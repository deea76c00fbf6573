"""One `kontinuous serve` that most tests share; tests of starting and stopping make state folders of their own."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from local.home import Home
from tests.e2e.journey import Kontinuous, kontinuous_of, serving


@pytest.fixture(scope="session")
def served(home: Home, images: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kontinuous]:
    """The command with a state folder whose service stays up."""
    kontinuous = kontinuous_of(tmp_path_factory.mktemp("served"), home)
    with serving(kontinuous):
        yield kontinuous
    kontinuous.close()


@pytest.fixture
def alone(home: Home, images: Mapping[str, str], tmp_path: Path) -> Iterator[Kontinuous]:
    """The command with a state folder of the test's own, where no service runs."""
    kontinuous = kontinuous_of(tmp_path, home)
    yield kontinuous
    kontinuous.close()
