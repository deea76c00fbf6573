import json

import pytest
import yaml

from cli.output import show
from cli.table import moment, seconds, table


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert table(("NAME", "N"), [("a", "1"), ("longer", "")]) == ["NAME    N", "a       1", "longer  -"]


def test_wide_characters_count_twice() -> None:
    assert table(("A", "B"), [("日本", "1"), ("abcd", "2")]) == ["A     B", "日本  1", "abcd  2"]


def test_a_cell_cannot_break_its_row_or_control_the_terminal() -> None:
    assert table(("A",), [("x\ny\x1b[2J\x07",)]) == ["A", "x y"]


def test_numbers_and_times_are_short() -> None:
    assert (seconds(None), seconds(0.25), seconds(61)) == ("", "0.2", "61.0")
    assert moment("2026-01-31T12:00:00.123Z") == "2026-01-31 12:00:00"


def test_json_and_yaml_hold_the_whole_value(capsys: pytest.CaptureFixture[str]) -> None:
    value = [{"name": "é", "list": [1, None]}]
    show(value, "json", list)
    assert json.loads(capsys.readouterr().out) == value
    show(value, "yaml", list)
    assert yaml.safe_load(capsys.readouterr().out) == value
    show(value, "table", lambda: ["a", "b"])
    assert capsys.readouterr().out == "a\nb\n"
