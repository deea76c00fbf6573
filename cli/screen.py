"""Where progress is shown: lines, and on a terminal one status line below them that is redrawn in place."""

import os
import shutil
import threading
from typing import TextIO

ERASE_LINE = "\r\x1b[K"
COLORS = {"SUCCESS": "32", "FAIL": "31", "CANCELLED": "33", "SKIPPED": "2", "dim": "2", "bold": "1"}


class Screen:
    """Writes whole lines to a stream, from any thread. On a stream that is no terminal it writes no control codes."""

    def __init__(self, stream: TextIO, *, live: bool | None = None) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._status = ""
        self.live = _is_live(stream) if live is None else live
        self.color = self.live and not os.environ.get("NO_COLOR")

    def line(self, text: str = "") -> None:
        """Write one line above the status line, at once."""
        self.lines([text])

    def lines(self, texts: list[str]) -> None:
        """Write some lines in one go."""
        if texts:
            with self._lock:
                self._write("".join(f"{text}\n" for text in texts))

    def status(self, text: str) -> None:
        """Replace the status line; "" removes it. Nothing on a stream that is no terminal."""
        if self.live:
            with self._lock:
                self._status = text[: shutil.get_terminal_size().columns - 1]
                self._write("")

    def paint(self, text: str, color: str) -> str:
        """Wrap a text in one of COLORS, where colours are wanted."""
        return f"\x1b[{COLORS[color]}m{text}\x1b[0m" if text and self.color and color in COLORS else text

    def _write(self, text: str) -> None:
        self._stream.write(f"{ERASE_LINE}{text}{self.paint(self._status, 'dim')}" if self.live else text)
        self._stream.flush()


def _is_live(stream: TextIO) -> bool:
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
