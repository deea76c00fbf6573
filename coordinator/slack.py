"""Slack, through an incoming webhook.

The message's form and limits are those of https://docs.slack.dev: messaging/sending-messages-using-incoming-webhooks,
messaging/formatting-message-text, reference/block-kit. `apprise` is not used for it: it takes addresses of
hooks.slack.com alone, and says neither why Slack refused a message nor how long it wants to be left alone.
"""

import re
from collections.abc import Mapping
from typing import Any

from coordinator.announcements import Announcement, Undeliverable, fitting_lines
from coordinator.notices import Event
from coordinator.reach import Reach
from coordinator.webhook import TOTAL_S, post
from shared.errors import InfrastructureError, RateLimited

LONGEST_TEXT = 3000
"""Of a text in a block."""
DEFAULT_WAIT_S = 60.0
LONGEST_WAIT_S = 600.0
_COLORS = {Event.START: "#439fe0", Event.SUCCESS: "#2eb67d", Event.FAILURE: "#e01e5a", Event.CANCELLED: "#9e9e9e"}
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_FENCE = "```"
_SHORT_WORD = re.compile(r"[a-z_]{1,60}")


class Slack:
    """Sends announcements to the incoming webhook in `url`, as `username`, to `channel`."""

    def __init__(self, reach: Reach, total_s: float = TOTAL_S) -> None:
        self._reach = reach
        self._total_s = total_s

    def send(self, announcement: Announcement, metadata: Mapping[str, str]) -> None:
        """Post it; raises Undeliverable with Slack's own word, RateLimited, InfrastructureError."""
        body = {**payload(announcement), **{key: metadata[key] for key in ("channel", "username") if metadata.get(key)}}
        answer = post(metadata["url"], body, self._reach, self._total_s)
        said = answer.text.strip() if _SHORT_WORD.fullmatch(answer.text.strip()) else ""
        what = f"{answer.status} {said}".strip()
        match answer.status:
            case status if 200 <= status < 300:
                return
            case 429:
                raise RateLimited("it asks to be left alone for a while (429)", _wait_s(answer.headers))
            case status if 400 <= status < 500:
                raise Undeliverable(f"it refuses the message: {what}")
            case status if 300 <= status < 400:
                raise Undeliverable(f"it answers with a redirect ({what}), and none is followed")
            case _:
                raise InfrastructureError(f"it fails: {what}")


def payload(announcement: Announcement) -> dict[str, Any]:
    """The request's body, without channel and username.

    The title is the message's text; facts and log are blocks of one attachment, which has the colour. `verbatim` keeps
    Slack from making links of names and addresses in the texts of others, and escaping from making mentions.
    """
    title = _escaped(announcement.title.replace("|", "¦"))  # in a link, | ends the address
    blocks: list[dict[str, Any]] = [
        {"type": "section", "fields": [_text(f"*{name}*\n{_escaped(value)}") for name, value in announcement.facts]}
    ]
    if announcement.log:
        blocks.append({"type": "section", "text": _text(_fenced(announcement.log))})
    return {
        "text": f"<{announcement.link}|{title}>" if announcement.link else title,
        "unfurl_links": False,
        "attachments": [{"color": _COLORS[announcement.event], "blocks": blocks}],
    }


def _text(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _escaped(text: str) -> str:
    return text.translate(_ESCAPES)


def _fenced(lines: tuple[str, ...]) -> str:
    """As many of the last lines as fit, as code; a fence in them would end it."""
    shown = [_escaped(line.replace(_FENCE, "'''")) for line in lines]
    return "\n".join((_FENCE, *fitting_lines(shown, LONGEST_TEXT - 2 * len(f"{_FENCE}\n")), _FENCE))


def _wait_s(headers: Mapping[str, str]) -> float:
    text = headers.get("Retry-After", "")
    return min(LONGEST_WAIT_S, max(1.0, float(text))) if text.isdecimal() else DEFAULT_WAIT_S
