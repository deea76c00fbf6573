"""Text that somebody else wrote, made safe to show: no control codes but, where wanted, colours."""

import re

# Escape sequences: CSI (colours are among them), OSC (titles, links), DCS and its like, and any other character.
_SEQUENCE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|.?)", re.DOTALL
)
_COLOR = re.compile(r"\x1b\[[0-9;:]*m")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def clean(line: str, *, color: bool = False) -> str:
    """Make one line safe to show: of what a progress bar overwrote only the last state stays, and no control codes."""
    shown = line.rstrip("\r").rpartition("\r")[2]
    kept = _SEQUENCE.sub(lambda match: match[0] if color and _COLOR.fullmatch(match[0]) else "", shown)
    safe = _CONTROL.sub("", kept)
    return f"{safe}\x1b[0m" if "\x1b" in safe else safe
