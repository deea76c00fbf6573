"""Image tags follow what goes into an image, and nothing else."""

import io
import re
import tarfile
from pathlib import Path

import pytest

from local.recipes import RECIPES, Recipe, references, with_parents

ROOT = Path(__file__).resolve().parents[2]
LISTS = [*ROOT.glob("stage_images/*/requirements.txt"), ROOT / "coordinator" / "requirements.txt"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "settings.conf").write_text("a")
    return tmp_path


def tag(folder: Path, parent_tag: str = "") -> str:
    return Recipe("x", folder).tag(parent_tag)


def test_the_tag_stays_while_nothing_changes(folder: Path) -> None:
    before = tag(folder)
    (folder / "Dockerfile").touch()
    assert tag(folder) == before


@pytest.mark.parametrize("name", ["Dockerfile", "settings.conf", "new"])
def test_the_tag_changes_with_any_file(folder: Path, name: str) -> None:
    before = tag(folder)
    (folder / name).write_text("other")
    assert tag(folder) != before


def test_the_tag_changes_with_the_parent(folder: Path) -> None:
    assert tag(folder, "one") != tag(folder, "two")


def test_a_parent_comes_along_and_first() -> None:
    assert [recipe.name for recipe in with_parents(["git"])] == ["base", "git"]


def test_a_stage_image_holds_its_own_code_and_what_is_shared_only() -> None:
    files = RECIPES["command"].files
    assert "code/shared/model.py" in files
    assert "code/stage_images/command/stage.py" in files
    assert not [path for path in files if "docker_build" in path or "coordinator" in path]


def test_the_context_is_the_same_bytes_each_time(folder: Path) -> None:
    first, second = io.BytesIO(), io.BytesIO()
    Recipe("x", folder).write_context(first, folder)
    Recipe("x", folder).write_context(second, folder)
    assert first.getvalue() == second.getvalue()
    first.seek(0)
    with tarfile.open(fileobj=first) as tar:
        assert {"Dockerfile", "settings.conf", "site/settings.conf"} <= set(tar.getnames())


def test_every_reference_is_a_name_with_a_tag_by_content() -> None:
    for name, reference in references(RECIPES.values()).items():
        assert re.fullmatch(rf"kontinuous/{name}:[0-9a-f]{{12}}", reference)


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.parent.name)
def test_images_hold_the_versions_that_are_tested(path: Path) -> None:
    tested = set((ROOT / "constraints.txt").read_text().splitlines())
    pinned = {line for line in path.read_text().splitlines() if not line.startswith("#")}
    assert pinned
    assert pinned <= tested
