"""Modules that are imported late, on a library made for it."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from shared.late_imports import LateName, imported_late

SHAPES = """
SIDES = 4
class Square:
    colour = "red"
def double(number, *, plus=0):
    return 2 * number + plus
"""
FILES = {
    "__init__.py": "from .shapes import SIDES, Square, double\nfrom .tools import saw\n",
    "shapes.py": SHAPES,
    "tools/__init__.py": "",
    "tools/saw.py": "TEETH = 30\n",
}


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a package that was never imported."""
    name = "library_for_late_imports"
    for path, text in FILES.items():
        (tmp_path / name / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name / path).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield name
    for module in [module for module in sys.modules if module.partition(".")[0] == name]:
        del sys.modules[module]


def imported(library: str) -> ModuleType:
    with imported_late({f"{library}.shapes": {"SIDES": 4}, f"{library}.tools": {}}):
        return import_module(library)


def test_a_late_module_is_not_imported_with_its_library(library: str) -> None:
    imported(library)
    assert [name for name in sys.modules if name.startswith(library)] == [library]


def test_a_function_of_a_late_module_does_what_it_does(library: str) -> None:
    assert imported(library).double(4, plus=1) == 9
    assert f"{library}.shapes" in sys.modules


def test_a_class_of_a_late_module_makes_what_it_makes(library: str) -> None:
    late = imported(library).Square
    real = import_module(f"{library}.shapes").Square
    assert type(late()) is real
    assert isinstance(real(), late)
    assert not isinstance(4, late)
    assert late.colour == "red"


def test_a_module_of_a_late_package_is_found(library: str) -> None:
    assert imported(library).saw.TEETH == 30


def test_a_value_that_is_known_needs_no_import(library: str) -> None:
    assert imported(library).SIDES == 4
    assert f"{library}.shapes" not in sys.modules


def test_who_imports_a_late_module_afterwards_gets_the_real_one(library: str) -> None:
    made = imported(library)
    real = import_module(f"{library}.shapes")
    assert isinstance(real.Square, type)
    assert made.shapes is real


def test_what_is_used_while_its_library_is_still_imported_is_real_too(library: str) -> None:
    with imported_late({f"{library}.shapes": {}}):
        made = import_module(library)
        assert isinstance(made.Square, LateName)
        assert made.double(1) == 2
        assert isinstance(import_module(f"{library}.shapes").Square, type)


def test_another_thread_meanwhile_gets_the_real_names(library: str) -> None:
    with imported_late({f"{library}.shapes": {}}), ThreadPoolExecutor(1) as thread:
        square = thread.submit(lambda: import_module(f"{library}.shapes").Square).result()
    assert isinstance(square, type)
    assert square is import_module(f"{library}.shapes").Square


def test_a_module_that_is_imported_already_stays(library: str) -> None:
    real = import_module(f"{library}.shapes")
    with imported_late({f"{library}.shapes": {}}):
        assert sys.modules[f"{library}.shapes"] is real
    assert sys.modules[f"{library}.shapes"] is real


def test_a_name_that_is_not_there_is_missed_when_it_is_used(library: str) -> None:
    with imported_late({f"{library}.shapes": {}}):
        wrong = import_module(f"{library}.shapes").Circle
    with pytest.raises(ModuleNotFoundError, match="Circle"):
        wrong()
