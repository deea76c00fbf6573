"""A stand-in for Slack's incoming webhooks. A message that Slack would not take fails the test that sent it.

It can refuse, limit, fail, redirect, hang, drip, and be gone.
"""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.fakes import slack_message
from tests.fakes.github_calls import Answer
from tests.fakes.github_server import StandIn

PATH = "/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"
HANG_LIMIT_S = 60
HANG, SLOW = 0, 1


@dataclass
class Fault:
    """What it answers instead, so many times (None: until `heal`). HANG: nothing; SLOW: all is well, but late."""

    status: int
    word: str
    headers: Mapping[str, str] = field(default_factory=dict)
    times: int | None = None


class FakeSlack(StandIn):
    """The stand-in. `messages` are those it took, `asked` when it was asked, whatever it answered."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        super().__init__(host, 0)
        self.url = f"http://{host}:{self._address[1]}{PATH}"
        self.messages: list[dict[str, Any]] = []
        self.asked: list[float] = []
        self.problems: list[str] = []
        self._faults: list[Fault] = []
        self.start()

    def close(self) -> None:
        """End; raises AssertionError for all that Slack would not take."""
        self.stop()
        assert self.problems == [], "not as Slack takes it:\n" + "\n".join(self.problems)

    def fail(self, status: int, word: str = "rollup_error", times: int | None = None, **headers: str) -> None:
        """Answer otherwise; headers with _ for -."""
        self._healed.clear()
        self._faults.append(Fault(status, word, {k.replace("_", "-"): v for k, v in headers.items()}, times))

    def hang(self) -> None:
        """Answer nothing until `heal`."""
        self.fail(HANG)

    def be_slow(self) -> None:
        """Take messages only after `heal`."""
        self.fail(SLOW)

    def heal(self) -> None:
        """Let all be well again."""
        self._faults.clear()
        self._healed.set()

    @property
    def texts(self) -> list[str]:
        """The text of each message."""
        return [str(message["text"]) for message in self.messages]

    def titles(self) -> list[str]:
        """The texts without their links."""
        return [text.rpartition("|")[2].removesuffix(">") for text in self.texts]

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer | None:
        """Take a message, or do otherwise."""
        self.asked.append(time.monotonic())
        if (method, target) != ("POST", PATH):
            self.problems.append(f"{method} {target} is no webhook of this workspace")
            return Answer(404, b"no_team")
        if headers.get("Content-Type") != "application/json":
            self.problems.append(f"Content-Type is {headers.get('Content-Type')}")
        if "Authorization" in headers:
            self.problems.append("there is a login")
        fault = next((each for each in self._faults if each.times != 0), None)
        if fault is not None:
            fault.times = None if fault.times is None else fault.times - 1
            if fault.status in (HANG, SLOW):
                self._healed.wait(HANG_LIMIT_S)
                return self._take(body) if fault.status == SLOW else None
            return Answer(fault.status, fault.word.encode(), fault.headers)
        return self._take(body)

    def _take(self, body: bytes) -> Answer:
        try:
            message = json.loads(body)
        except ValueError:
            self.problems.append(f"no JSON: {body[:100]!r}")
            return Answer(400, b"invalid_payload")
        found = list(slack_message.problems(message))
        self.problems += found
        if found:
            return Answer(400, b"invalid_payload")
        self.messages.append(message)
        return Answer(200, b"ok")


@contextmanager
def slack(host: str = "127.0.0.1") -> Iterator[FakeSlack]:
    """The stand-in for a `with` block."""
    standin = FakeSlack(host)
    try:
        yield standin
    finally:
        standin.close()


def shown(message: Mapping[str, Any]) -> str:
    """All the text of a message, as one."""
    blocks = [block for attachment in message["attachments"] for block in attachment["blocks"]]
    texts = [
        each for block in blocks for each in (*block.get("fields", ()), *([block["text"]] if "text" in block else ()))
    ]
    return "\n".join([message["text"], *(text["text"] for text in texts)])
