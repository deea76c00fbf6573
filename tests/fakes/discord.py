"""A stand-in for Discord's webhooks (https://docs.discord.com/developers/resources/webhook#execute-webhook).

Of a message it knows the content and its limit: one that is longer is refused.
"""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus

from tests.fakes.github_calls import Answer
from tests.fakes.github_server import StandIn

LONGEST_CONTENT = 2000
HANG_LIMIT_S = 60


class FakeDiscord(StandIn):
    """The stand-in: `contents` are the messages that it took. With `slow` it takes one, and answers only at its end;
    with `refuses` it takes none, and with `limits` it asks to be left alone for a minute."""

    def __init__(self) -> None:
        super().__init__("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._address[1]}/api/webhooks"
        self.contents: list[str] = []
        self.slow = False
        self.refuses = False
        self.limits = False
        self.start()

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer | None:
        """Take a message, or refuse it."""
        content = str(json.loads(body)["content"])
        if self.limits:
            rest = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 60)}
            return Answer(HTTPStatus.TOO_MANY_REQUESTS, {"message": "You are being rate limited."}, rest)
        if self.refuses or not 0 < len(content) <= LONGEST_CONTENT:
            return Answer(HTTPStatus.BAD_REQUEST, {"content": ["Must be 2000 or fewer in length."]})
        self.contents.append(content)
        if self.slow:
            self._healed.wait(HANG_LIMIT_S)
        return Answer(HTTPStatus.NO_CONTENT)


@contextmanager
def discord() -> Iterator[FakeDiscord]:
    """The stand-in for a `with` block."""
    standin = FakeDiscord()
    try:
        yield standin
    finally:
        standin.stop()
