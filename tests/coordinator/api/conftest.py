from collections.abc import Iterator

import pytest

from tests.coordinator.api.api_server import Server


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
