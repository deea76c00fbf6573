"""Deliveries of webhooks as GitHub sends them: its published examples with a repository's facts in, signed."""

import hashlib
import hmac
import json
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import requests

from tests.fakes.github_repositories import FakeRepository

TIMEOUT_S = 10


@dataclass(frozen=True)
class Message:
    """One delivery before it is sent: the kind of event and the body's bytes, which a redelivery has too."""

    event: str
    body: bytes


def push(repository: FakeRepository, ref: str, sender: str, before: str = "0" * 40) -> Message:
    """A branch or tag was pushed, and is where the repository has it now."""
    sha = repository.sha(ref)
    value = _filled("push", repository, sender)
    value |= {"ref": ref, "before": before, "after": sha, "created": before == "0" * 40}
    value["head_commit"] |= {"id": sha, "timestamp": _now()}
    value["commits"] = [value["head_commit"]]
    return _message("push", value)


def deletion(repository: FakeRepository, ref: str, sender: str) -> Message:
    """A branch or tag was deleted."""
    return _message("push", _filled("delete", repository, sender) | {"ref": ref})


def pull_request(
    action: str, number: int, base: FakeRepository, head: FakeRepository, branch: str, sender: str
) -> Message:
    """Something happened to a pull request of a branch of `head` into the default branch of `base`."""
    value = _filled("pull_request", base, sender)
    value |= {"action": action, "number": number}
    value["pull_request"] |= {"number": number, "updated_at": _now()}
    for side, repository, name in (("head", head, branch), ("base", base, base.default_branch)):
        place = value["pull_request"][side]
        place |= {"ref": name, "sha": repository.sha(f"refs/heads/{name}"), "label": f"{repository.owner}:{name}"}
        place["repo"] |= _named(repository)
    return _message("pull_request", value)


def ping(repository: FakeRepository, sender: str) -> Message:
    """A hook was made."""
    return _message("ping", _filled("ping", repository, sender))


def send(message: Message, url: str, secret: str) -> requests.Response:
    """Deliver a message, as GitHub does."""
    signature = hmac.new(secret.encode(), message.body, hashlib.sha256).hexdigest()
    headers = {
        "Accept": "*/*",
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/044aadd",
        "X-GitHub-Delivery": str(uuid.uuid4()),
        "X-GitHub-Event": message.event,
        "X-Hub-Signature-256": f"sha256={signature}",
    }
    return requests.post(url, message.body, headers=headers, timeout=TIMEOUT_S)


def _filled(kind: str, repository: FakeRepository, sender: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(json.dumps(_examples()[kind]))
    value["repository"] |= _named(repository) | {"pushed_at": int(time.time())}
    value["sender"]["login"] = sender
    return value


def _named(repository: FakeRepository) -> dict[str, Any]:
    return {"name": repository.name, "full_name": repository.full_name, "fork": repository.fork_of is not None}


def _message(event: str, value: dict[str, Any]) -> Message:
    return Message(event, json.dumps(value).encode())


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@cache
def _examples() -> dict[str, Any]:
    examples: dict[str, Any] = json.loads((Path(__file__).parent / "github_webhooks.json").read_text())
    return examples
