"""Facts for people: one a line, each after its name, aligned; what is empty is left out."""

from collections.abc import Sequence

from shared.terminal_text import clean

Fact = tuple[str, str]


def facts(named: Sequence[Fact], indent: str = "") -> list[str]:
    """Lay out facts; control characters in them are removed."""
    shown = [(name, clean(text.replace("\n", " "))) for name, text in named if text]
    width = max((len(name) for name, _ in shown), default=0) + 1
    return [f"{indent}{name + ':':<{width}}  {text}" for name, text in shown]
