from collections.abc import Iterator

import pytest

from tests.coordinator.api.api_server import Server
from tests.coordinator.api.front_door import FrontDoor
from tests.fakes.github import FakeGitHub


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture(scope="module")
def idle_server() -> Iterator[Server]:
    """For tests of requests that are refused, and change nothing."""
    server = Server()
    yield server
    server.close()


@pytest.fixture
def door(github: FakeGitHub) -> Iterator[FrontDoor]:
    """The service on a stand-in for GitHub."""
    door = FrontDoor(github)
    yield door
    door.server.close()
