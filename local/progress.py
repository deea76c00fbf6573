"""How the one-machine mode tells people what it is doing: one sentence at a time."""

import sys
from collections.abc import Callable

Say = Callable[[str], None]


def say_on_stderr(text: str) -> None:
    """Print a line in one piece: several threads have something to say."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
