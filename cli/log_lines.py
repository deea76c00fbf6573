"""Log bytes into lines that are safe to show."""

from shared.terminal_text import clean

LONGEST_LINE = 8192


class LogLines:
    """Takes a log in pieces and gives its lines; a line over LONGEST_LINE bytes is broken, so memory stays bounded."""

    def __init__(self, *, color: bool) -> None:
        self._color = color
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """Take some bytes; give the lines that are complete now."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        while len(self._rest) > LONGEST_LINE:
            lines.append(self._rest[:LONGEST_LINE])
            self._rest = self._rest[LONGEST_LINE:]
        return [clean(line.decode(errors="replace"), color=self._color) for line in lines]

    def finish(self) -> list[str]:
        """Give the last line where no newline ended it."""
        rest, self._rest = self._rest, b""
        return [clean(rest.decode(errors="replace"), color=self._color)] if rest else []
