from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.log_lines import LONGEST_LINE, LogLines
from shared.terminal_text import clean


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=5))
def test_lines_do_not_depend_on_how_the_bytes_came(data: bytes, cuts: list[int]) -> None:
    whole, pieces = LogLines(color=False), LogLines(color=False)
    edges = [0, *sorted(cuts), len(data)]
    lines = [line for a, b in pairwise(edges) for line in pieces.feed(data[a:b])]
    assert [*lines, *pieces.finish()] == [*whole.feed(data), *whole.finish()]


@given(st.text())
def test_no_control_character_gets_through(text: str) -> None:
    assert not any(ord(c) < 32 and c != "\t" and c != "\n" for c in clean(text))


@pytest.mark.parametrize(
    ("line", "plain", "colored"),
    [
        ("\x1b[31mred\x1b[0m", "red", "\x1b[31mred\x1b[0m\x1b[0m"),
        ("10%\r50%\r100%\r", "100%", "100%"),
        ("\x1b]0;title\x07a\x1b]8;;http://x\x1b\\b", "ab", "ab"),
        ("\x1b[2J\x1b[1;1Hgone\x1bc", "gone", "gone"),
        ("a\x00\x07\u202eb\x9b2Jc", "ab2Jc", "ab2Jc"),
    ],
)
def test_sequences_are_removed_and_colours_kept_where_wanted(line: str, plain: str, colored: str) -> None:
    assert (clean(line), clean(line, color=True)) == (plain, colored)


def test_a_line_without_an_end_does_not_grow_without_bound() -> None:
    lines = LogLines(color=False)
    assert [len(line) for line in lines.feed(b"x" * (3 * LONGEST_LINE + 5))] == [LONGEST_LINE] * 3
    assert lines.finish() == ["xxxxx"]
