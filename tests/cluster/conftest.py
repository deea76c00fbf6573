"""A real Kubernetes for the tests in this folder."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.base_images import ensure_base
from local.engine import Engine
from local.home import Home, open_home, short_hash
from tests.cluster.cluster import Cluster, given_cluster, own_cluster
from tests.cluster.installation import Installation, install
from tests.cluster.lifecycle import down, keep, up

TEST_S = 300


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let a test's limit begin with the test: what it stands on may take minutes to build, within limits of its own."""
    for item in items:
        if Path(__file__).parent in item.path.parents and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(TEST_S, func_only=True))


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The user's cluster where a variable names it, else ours; taken down at the end if it was not up before."""
    if given := given_cluster(os.environ):
        yield given
        return
    brought_up = up(open_home().cache, print)
    yield own_cluster()
    if brought_up and not keep(os.environ):
        down()


@pytest.fixture(scope="session")
def python_image(cluster: Cluster, engine: Engine, home: Home) -> str:
    """An image with Python and a shell that the cluster has."""
    image = ensure_base(engine, home.cache, print)
    cluster.load(image, engine)
    return image


@pytest.fixture
def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of the test's own, removed after it without waiting."""
    name = f"test-{short_hash(request.node.nodeid)}-{secrets.token_hex(3)}"
    cluster.kubectl("create", "namespace", name)
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="session")
def installation(cluster: Cluster, engine: Engine, home: Home) -> Iterator[Installation]:
    """kontinuous as the shipped manifests install it, with two coordinators."""
    with install(cluster, engine, home.cache) as installation:
        yield installation
