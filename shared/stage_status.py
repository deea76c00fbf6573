"""A stage's commit status on GitHub, sent from a thread of its own: the stage never waits long for GitHub.

Over `http.client`: with it a stage starts 20 ms later than without, with `requests` 90 ms. Two things of `requests`
are missing, and what they cost is mended by the coordinator, which sends what a stage could not: proxies, and a
repository that was renamed (GitHub redirects then).
"""

import json
import time
from queue import SimpleQueue
from threading import Condition, Thread
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from shared.github_status import API_VERSION, TAKEN, CommitStatus

if TYPE_CHECKING:
    from http.client import HTTPConnection

    from shared.stage_contract import StageContext

LIMIT_S = 3.0
"""How long a stage's end may be held up by GitHub, and a single request go without an answer."""
_LONGEST_REFUSAL = 200
_LONGEST_ANSWER = 64 * 1024


class StageStatus:
    """Sends the statuses of one attempt, in their order, if it was given where and with which token."""

    def __init__(self, context: "StageContext", token: str) -> None:
        self._url = context.status_url if token else ""
        self._token = token
        self._context = context.status_context
        self._link = context.build_url
        self._queue: SimpleQueue[CommitStatus] = SimpleQueue()
        self._condition = Condition()
        self._said = 0
        self._answers: list[str] = []
        self._due = 0.0
        self._connection: HTTPConnection | None = None

    def say(self, status: CommitStatus) -> None:
        """Have a status sent; returns at once."""
        if not self._url:
            return
        self._said += 1
        self._due = time.monotonic() + LIMIT_S
        self._queue.put(status)
        if self._said == 1:
            Thread(target=self._work, name="github-status", daemon=True).start()

    def answer(self) -> str:
        """What GitHub said to the newest status: `taken`, `refused: …`, or "" where none was said.

        Waits for it until LIMIT_S after it was said.
        """
        if not self._said:
            return ""
        with self._condition:
            left_s = max(0.0, self._due - time.monotonic())
            if self._condition.wait_for(lambda: len(self._answers) == self._said, left_s):
                return self._answers[-1]
        return f"refused: GitHub did not answer within {LIMIT_S:.0f} s"

    def _work(self) -> None:
        while True:
            answer = self._send(self._queue.get())
            with self._condition:
                self._answers.append(answer)
                self._condition.notify_all()

    def _send(self, status: CommitStatus) -> str:
        from http.client import HTTPException

        body = json.dumps(status.body(self._context, self._link)).encode()
        for last in (self._connection is None, True):
            try:
                return self._post(body)
            except (OSError, HTTPException) as error:
                self._connection = None
                if last:  # else it was a connection kept from before, which GitHub may have closed
                    return f"refused: GitHub cannot be reached: {type(error).__name__}: {error}"
        raise AssertionError("the last try always answers")

    def _post(self, body: bytes) -> str:
        self._connection = self._connection or _connect(self._url)
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {self._token}",
            "Content-Type": "application/json",
            "User-Agent": "kontinuous",
            "X-GitHub-Api-Version": API_VERSION,
        }
        self._connection.request("POST", urlsplit(self._url).path, body, headers)
        answer = self._connection.getresponse()
        text = answer.read(_LONGEST_ANSWER).decode(errors="replace")
        return TAKEN if answer.status == 201 else f"refused: {answer.status} {_message(text)}".rstrip()


def _connect(url: str) -> "HTTPConnection":
    from http.client import HTTPConnection, HTTPSConnection

    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    return kind(parts.netloc, timeout=LIMIT_S)


def _message(text: str) -> str:
    """What an error says, with its first reason where GitHub gives any."""
    try:
        body = json.loads(text)
        reasons = [str(each["message"]) for each in body.get("errors", []) if "message" in each]
        return ": ".join([str(body["message"]), *reasons[:1]])[:_LONGEST_REFUSAL]
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
