"""A world for whole builds, as many of the coordinator's tests need it."""

from collections.abc import Iterator

import pytest

from tests.coordinator.world import World


@pytest.fixture
def world() -> Iterator[World]:
    """One in which Jobs run, and nobody coordinates yet; what went wrong in a stage fails the test."""
    world = World()
    world.play()
    yield world
    world.close()
