"""What Slack takes through an incoming webhook, as docs.slack.dev has it: the shape, the limits, and the escaping.

messaging/sending-messages-using-incoming-webhooks, messaging/formatting-message-text, reference/messaging/attachments,
reference/block-kit/blocks/section-block and .../composition-objects/text-object.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

KEYS = {
    "text",
    "channel",
    "username",
    "icon_emoji",
    "icon_url",
    "attachments",
    "blocks",
    "unfurl_links",
    "unfurl_media",
}
LONGEST_MESSAGE = 40_000
MOST_BLOCKS = 50
MOST_ATTACHMENTS = 20
MOST_FIELDS = 10
LONGEST_FIELD = 2000
LONGEST_TEXT = 3000
_SEQUENCE = re.compile(r"<([^<>]*)>")
_LINK = re.compile(r"https?://[^\s|<>]+(\|[^<>|]+)?")


def problems(body: Any) -> Iterator[str]:
    """What is wrong with a message; nothing where Slack takes it and shows no mention."""
    if not isinstance(body, dict):
        yield "the body is no object"
        return
    yield from (f"{key!r} is no key of a message" for key in body.keys() - KEYS)
    yield from (f"{key!r} is empty or no text" for key in ("channel", "username") if not _is_text(body.get(key, "x")))
    if not _is_text(body.get("text", "x"), LONGEST_MESSAGE) or not {"text", "blocks"} & body.keys():
        yield "the text is missing, empty or too long"
    yield from _markup(str(body.get("text", "")))
    yield from _blocks(body.get("blocks", []))
    attachments = body.get("attachments", [])
    if not isinstance(attachments, list) or len(attachments) > MOST_ATTACHMENTS:
        yield "attachments are no list, or too many"
        return
    for attachment in attachments:
        yield from (f"{key!r} is not for an attachment with blocks" for key in attachment.keys() - {"color", "blocks"})
        if not re.fullmatch("#[0-9a-f]{6}|good|warning|danger", attachment.get("color", "good")):
            yield f"{attachment['color']} is no colour"
        yield from _blocks(attachment.get("blocks", []))


def _blocks(blocks: Any) -> Iterator[str]:
    if not isinstance(blocks, list) or len(blocks) > MOST_BLOCKS:
        yield "blocks are no list, or too many"
        return
    for block in blocks:
        if block.get("type") != "section" or not {"text", "fields"} & block.keys():
            yield f"this stand-in knows sections with a text or fields only, not {block}"
            continue
        yield from _text(block["text"], LONGEST_TEXT) if "text" in block else ()
        fields = block.get("fields", [])
        if "fields" in block and not 1 <= len(fields) <= MOST_FIELDS:
            yield f"a section has {len(fields)} fields"
        for field in fields:
            yield from _text(field, LONGEST_FIELD)


def _text(value: Mapping[str, Any], longest: int) -> Iterator[str]:
    if value.keys() - {"type", "text", "verbatim", "emoji"} or value.get("type") not in ("mrkdwn", "plain_text"):
        yield f"{value} is no text object"
        return
    if not _is_text(value.get("text"), longest):
        yield f"a text of {len(value.get('text', ''))} characters, where 1 to {longest} are allowed"
    if value["type"] == "mrkdwn":
        yield from _markup(str(value.get("text", "")))
        if not value.get("verbatim"):
            yield "a text in which Slack looks for names and addresses by itself"


def _markup(text: str) -> Iterator[str]:
    """Nothing but links in angle brackets, and everything else escaped."""
    yield from (f"<{inside}> is no link" for inside in _SEQUENCE.findall(text) if not _LINK.fullmatch(inside))
    rest = _SEQUENCE.sub("", text)
    if re.search("[<>]|&(?!(amp|lt|gt);)", rest):
        yield f"not escaped: {rest}"


def _is_text(value: Any, longest: int = LONGEST_MESSAGE) -> bool:
    return isinstance(value, str) and 0 < len(value) <= longest
