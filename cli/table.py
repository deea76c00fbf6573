"""Tables for people: columns aligned by two spaces, headings in capitals."""

import unicodedata
from collections.abc import Iterable, Sequence

from shared.terminal_text import clean


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lay out rows below their headings, as lines; control characters are removed, an empty cell is a dash."""
    cells = [list(headings), *([clean(cell.replace("\n", " ")) or "-" for cell in row] for row in rows)]
    widths = [max(_width(row[i]) for row in cells) for i in range(len(headings))]
    return ["  ".join(_pad(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def seconds(value: float | None) -> str:
    """A duration as tables show it; "" where it is not known."""
    return "" if value is None else f"{value:.1f}"


def moment(iso: str) -> str:
    """A UTC time as tables show it: to the second."""
    return iso[:19].replace("T", " ")


def _pad(cell: str, width: int) -> str:
    return cell + " " * (width - _width(cell))


def _width(cell: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in cell)
