"""docs/settings.md and README name every setting that the code reads."""

import re
from pathlib import Path

import pytest

from local.base_images import MIRROR_VARIABLE
from local.engine import ENGINE_VARIABLE
from local.home import ENGINE_HOME_VARIABLE
from shared.state_folder import HOME_VARIABLE

ROOT = Path(__file__).parents[2]
SETTINGS = (ROOT / "coordinator" / "settings_reader.py").read_text()
VARIABLES = sorted(
    {
        *re.findall(r'self\._(?:required|number|json)\(\s*"(\w+)"', SETTINGS),
        *re.findall(r'self\._environment\.get\("(\w+)"', SETTINGS),
        *(ENGINE_HOME_VARIABLE, ENGINE_VARIABLE, HOME_VARIABLE, MIRROR_VARIABLE),
    }
)
SECRET_KEYS = sorted(
    {
        *re.findall(r'self\._secret\("(\w+)"', SETTINGS),
        *(prefix + part for prefix in re.findall(r'self\._login\("(\w+)"', SETTINGS) for part in ("User", "Password")),
    }
)
TEXT = (ROOT / "docs" / "settings.md").read_text() + (ROOT / "README.md").read_text()


@pytest.mark.parametrize("name", VARIABLES)
def test_a_variable_is_explained(name: str) -> None:
    assert f"`{name}`" in TEXT


@pytest.mark.parametrize("name", SECRET_KEYS)
def test_a_key_of_the_secret_is_explained(name: str) -> None:
    assert f"`{name}`" in TEXT or f'"{name}"' in TEXT


def test_there_are_settings_to_look_for() -> None:
    assert {"KV_ADDRESS", "STAGE_IMAGES", "RETENTION_BUILDS"} <= set(VARIABLES)
    assert {"AuthSecret", "StageEtcdPassword"} <= set(SECRET_KEYS)
