"""An announcement as one text, for mail, Teams and Discord: no longer than the service takes, and with nothing in the
words of others that it would show as a mention, or as a link that says it is another.

What Discord makes of a text: https://docs.discord.com/developers/reference#message-formatting; what Teams makes of one
in an adaptive card: https://learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/cards/cards-format.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from coordinator.announcements import Announcement, fitting_lines

_NO_WIDTH = "\u200b"
_ACTIVE = re.compile(r"@|\](?=\()|<(?=/?at>)", re.IGNORECASE)
_MARKS = re.compile(r"[\\*_~`|<>\[\]]")


def inert(text: str) -> str:
    """The text with a space of no width in what would be a mention (@, `<at>`) or a link with words of its own."""
    return _ACTIVE.sub(rf"\g<0>{_NO_WIDTH}", text)


def without_markdown(text: str) -> str:
    """The same for a service that reads Markdown everywhere: shown as it was written."""
    return _MARKS.sub(r"\\\g<0>", inert(text))


@dataclass(frozen=True, slots=True)
class Wording:
    """How a service is told. `quoted` makes a text of others harmless; `fence` begins and ends what is shown as code,
    "" where a service knows no code."""

    quoted: Callable[[str], str] = inert
    fence: str = ""

    def body(self, announcement: Announcement, room: int) -> str:
        """Facts, log and link in at most `room` characters: first the oldest lines of the log make way."""
        link = f"\n\n{announcement.link}" if announcement.link else ""
        facts = _cut(self.quoted("\n".join(f"{name}: {value}" for name, value in announcement.facts)), room - len(link))
        return (facts + self._log(announcement.log, room - len(link) - len(facts)) + link).strip()

    def _log(self, log: tuple[str, ...], room: int) -> str:
        frame = [self.fence] if self.fence else []
        lines = [inert(line.replace(self.fence, "'''") if self.fence else line) for line in log]
        kept = fitting_lines(lines, room - 1 - 2 * len("".join(f"{mark}\n" for mark in frame)))
        return "\n\n" + "\n".join((*frame, *kept, *frame)) if kept else ""


PLAIN = Wording()
CODE = Wording(without_markdown, "```")


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else text[: room - 1].rstrip("\\") + "…"
