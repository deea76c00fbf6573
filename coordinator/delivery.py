"""What a webhook's delivery asks for: GitHub's push and pull_request events, as far as they concern us. Pure.

Only the few fields that are named here are read of a body, which may have 25 MiB.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from shared.clock import timestamp
from shared.errors import InputError

PUSH = "push"
PULL_REQUEST = "pull_request"
PING = "ping"
ACTIONS = ("opened", "synchronize", "reopened")
KEPT = timedelta(days=30)
"""How long deliveries are remembered; older ones are not taken, so that a replay never starts a build."""
_SHA = re.compile("[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery. `id` is the SHA-256 of its body; `sha` is the commit to build, found at `ref`.

    `base_sha` is set for a pull request from a fork: the commit whose pipeline file counts. `build` is the build that
    it became, once it has its number; with `twin`, that is the build of another delivery. `failed` is why none can be
    made of it. `done` says that nothing is left to do.
    """

    id: str
    event: str
    sha: str
    ref: str
    actor: str
    accepted_at: str
    base_sha: str = ""
    build: int = 0
    twin: bool = False
    failed: str = ""
    done: bool = False

    @property
    def fork(self) -> bool:
        """Whether it is about a fork's commit."""
        return bool(self.base_sha)


class Ignored(Exception):
    """A delivery asks for nothing; its text says why."""


class _User(msgspec.Struct):
    login: str


class _Repository(msgspec.Struct):
    full_name: str
    pushed_at: int | str | None = None


class _Commit(msgspec.Struct):
    id: str


class _Push(msgspec.Struct):
    ref: str
    after: str
    repository: _Repository
    sender: _User
    deleted: bool = False
    head_commit: _Commit | None = None


class _Side(msgspec.Struct):
    ref: str
    sha: str
    repo: _Repository | None = None


class _PullRequest(msgspec.Struct):
    head: _Side
    base: _Side
    updated_at: str


class _PullRequestEvent(msgspec.Struct):
    action: str
    number: int
    pull_request: _PullRequest
    sender: _User


def read_delivery(event: str, body: bytes, digest: str, now: datetime) -> Delivery:
    """Read a delivery of a known signature; raises Ignored, or InputError where the body is not GitHub's."""
    try:
        match event:
            case "push":
                return _of_push(msgspec.json.decode(body, type=_Push), digest, now)
            case "pull_request":
                return _of_pull_request(msgspec.json.decode(body, type=_PullRequestEvent), digest, now)
            case _:
                raise Ignored(f"nothing is built for the event {event!r:.50}")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"the body is not that of a {event} event: {error}") from error


def _of_push(push: _Push, digest: str, now: datetime) -> Delivery:
    if push.deleted:
        raise Ignored(f"{push.ref} was deleted")
    if not push.ref.startswith(("refs/heads/", "refs/tags/")):
        raise Ignored(f"{push.ref} is neither a branch nor a tag")
    _check_age(push.repository.pushed_at, now)
    sha = push.head_commit.id if push.head_commit else push.after  # an annotated tag's `after` is the tag itself
    return Delivery(digest, PUSH, _checked(sha), push.ref, push.sender.login, timestamp(now))


def _of_pull_request(event: _PullRequestEvent, digest: str, now: datetime) -> Delivery:
    if event.action not in ACTIONS:
        raise Ignored(f"nothing is built when a pull request is {event.action!r:.50}")
    head, base = event.pull_request.head, event.pull_request.base
    _check_age(event.pull_request.updated_at, now)
    own = head.repo is not None and base.repo is not None and head.repo.full_name == base.repo.full_name
    ref = f"refs/heads/{head.ref}" if own else f"refs/pull/{event.number}/head"
    base_sha = "" if own else _checked(base.sha)
    return Delivery(digest, PULL_REQUEST, _checked(head.sha), ref, event.sender.login, timestamp(now), base_sha)


def _checked(sha: str) -> str:
    if not _SHA.fullmatch(sha):
        raise InputError(f"{sha!r:.80} is not a commit")
    return sha


def _check_age(moment: int | str | None, now: datetime) -> None:
    if moment is None:
        return
    try:
        sent = datetime.fromtimestamp(moment, UTC) if isinstance(moment, int) else datetime.fromisoformat(moment)
        old = sent < now - KEPT
    except (ValueError, TypeError, OverflowError, OSError) as error:
        raise InputError(f"{moment!r:.80} is not a time") from error
    if old:
        raise Ignored(f"it is older than {KEPT.days} days")
