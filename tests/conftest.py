"""The real parts that tests run on: found or started once per session, and what was started is stopped at its end."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from local.engine import Engine, find_engine
from local.home import ENGINE_HOME_VARIABLE, Home, open_home
from local.images import ensure_images
from local.services import Services, start_services
from shared.state_folder import HOME_VARIABLE
from tests.e2e.journey import Kontinuous, kontinuous_of, serving
from tests.fakes.github import FakeGitHub


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A state folder of its own for the session, with the caches and the engine of the user's state folder."""
    shared_root = open_home(os.environ).engine_root
    root = tmp_path_factory.mktemp("home")
    return open_home({HOME_VARIABLE: str(root), ENGINE_HOME_VARIABLE: str(shared_root)})


@pytest.fixture(scope="session")
def engine(home: Home) -> Iterator[Engine]:
    """A Docker engine that answers."""
    engine = find_engine(home.engine_root, print)
    yield engine
    engine.stop()


@pytest.fixture(scope="session")
def images(engine: Engine, home: Home) -> Mapping[str, str]:
    """Every image of ours with its reference, built as the files are now."""
    return ensure_images(engine, home.cache, print)


@pytest.fixture(scope="session")
def services(engine: Engine, home: Home) -> Iterator[Services]:
    """etcd, S3, the internal registry and git, with authentication, on a network of their own."""
    services = start_services(engine, home, print)
    yield services
    services.stop()


@pytest.fixture(scope="session")
def engine_url(engine: Engine, images: Mapping[str, str]) -> str:
    """The address of an engine that has all images of ours, and the base image."""
    return engine.url


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


@pytest.fixture
def github(tmp_path: Path) -> Iterator[FakeGitHub]:
    """A stand-in for GitHub; a request that GitHub's description does not have fails the test."""
    github = FakeGitHub(tmp_path / "github")
    yield github
    github.close()
