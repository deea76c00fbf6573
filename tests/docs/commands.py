"""The commands of ours that a document shows, as a user would copy them."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ONE_MACHINE = "Your own repository"
"""The section of README whose commands are about one machine."""

_BLOCK = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^## (.*)$", re.MULTILINE)


def commands(document: str) -> dict[str, list[str]]:
    """The command lines of each section of a document in the project that has any, in their order, without comments."""
    _, *parts = _HEADING.split((ROOT / document).read_text())
    found = {title: _of(text) for title, text in zip(parts[::2], parts[1::2], strict=True)}
    return {title: lines for title, lines in found.items() if lines}


def _of(text: str) -> list[str]:
    lines = (line.partition(" #")[0].strip() for block in _BLOCK.findall(text) for line in block.splitlines())
    return [line for line in lines if re.match(r"(source <\()?kontinuous ", line)]
