"""Fixtures for the stage runtime."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.services import Services
from tests.shared.stage_harness import StageHarness


@pytest.fixture
def stage(tmp_path: Path, services: Services) -> Iterator[StageHarness]:
    """A stage that is ready to be started."""
    harness = StageHarness(tmp_path, services)
    yield harness
    harness.close()
