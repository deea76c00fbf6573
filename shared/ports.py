"""What the core asks of the world outside: Protocols that adapters keep and tests hand in."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from threading import Event
from typing import Any, Protocol

from shared.github_status import CommitStatus
from shared.model import Commit, Repository

Manifest = Mapping[str, Any]
"""A Kubernetes object as a plain camelCase dict."""


class JobPhase(StrEnum):
    """What a launcher knows of a Job. GONE: it was there and is no more."""

    WAITING = "WAITING"
    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    GONE = "GONE"


@dataclass(frozen=True, slots=True)
class ContainerEnd:
    """How a container ended. `reason` is Kubernetes' word: Completed, Error, OOMKilled, StartError."""

    exit_code: int
    reason: str


@dataclass(frozen=True, slots=True)
class JobRef:
    """Which Job: its namespace and name."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class JobState:
    """A Job as the launcher sees it now.

    `build_key` is the annotation `kontinuous.io/build-key`. `reason` is a machine word for what ails it
    (DeadlineExceeded, Evicted, ErrImagePull, InvalidImageName, CreateContainerError, …) and `message` the
    sentence to show a person; both "" while all is well. `permanent` says that waiting will not heal it.
    `ends` holds the containers that have ended, by name. `scheduled_at` and `containers_started_at` (UTC ISO-8601) are
    when the pod got a node and when all its containers had begun, as far as the launcher saw it; else "".
    """

    ref: JobRef
    build_key: str
    phase: JobPhase
    reason: str = ""
    message: str = ""
    permanent: bool = False
    ends: Mapping[str, ContainerEnd] = field(default_factory=dict)
    scheduled_at: str = ""
    containers_started_at: str = ""


@dataclass(frozen=True, slots=True)
class LiveLog:
    """What a launcher's `follow` can give: the first `reach` bytes of a log surely, where each line counts for
    `line_bytes` more; whether the end of a line may lose its carriage return on the way."""

    reach: int
    loses_returns: bool
    line_bytes: int = 0

    def size(self, data: bytes) -> int:
        """How much of the reach a part of a log takes up."""
        return len(data) + self.line_bytes * data.count(b"\n")


class Launcher(Protocol):
    """Where Jobs run: Kubernetes, or a Docker engine. Every call raises InfrastructureError when it cannot be done."""

    live_log: LiveLog

    def launch(self, job: Manifest, secrets: Iterable[Manifest]) -> None:
        """Start a Job (with the Secrets it needs from us); one that exists already under this name and with
        our labels is taken as launched. Returns once the Job is accepted, not when it runs."""

    unlisted: frozenset[str]
    """The namespaces of which the last `jobs` could not say whether a Job is there."""

    def jobs(self) -> tuple[JobState, ...]:
        """All Jobs of ours that are there."""

    def watch(self, stop: Event) -> Iterator[JobState]:
        """Yield each Job's state when it changes, until `stop` is set; begins with all that are there."""

    def cancel(self, job: JobRef) -> None:
        """Tell a Job's containers to stop: SIGTERM, then SIGKILL after its grace. Absent is fine. Does not wait."""

    def remove(self, job: JobRef) -> None:
        """Remove a finished Job and all that belongs to it; absent is fine."""

    def release(self, namespace: str, secret: str) -> None:
        """Remove the Secret that the Jobs of a build were launched with; absent is fine."""

    def follow(self, job: JobRef) -> AbstractContextManager[Iterator[bytes]]:
        """The stage container's stdout from its first byte, as it comes, until the container ends or the context
        is left; nothing where there is no such Job (any more)."""


class Access(IntEnum):
    """What somebody may do with a repository; each includes those before it."""

    NONE = 0
    READ = 1
    WRITE = 2
    ADMIN = 3


@dataclass(frozen=True, slots=True)
class RepositoryInfo:
    """A repository as its host spells it, and what the caller may do with it."""

    repository: Repository
    default_branch: str
    access: Access
    private: bool = False


class SourceHost(Protocol):
    """Where repositories live: GitHub, or the local folders.

    `token` is the caller's own access token: what it may not see is NotFound. Every call raises TokenRefused where the
    host does not know it, and InfrastructureError where the host does not answer.
    """

    def describe(self, repository: Repository, token: str) -> RepositoryInfo:
        """What the host says of a repository; raises NotFound."""

    def commit(self, repository: Repository, ref: str, token: str) -> Commit:
        """Resolve a branch, tag or SHA; raises NotFound."""

    def fork_base(self, repository: Repository, sha: str, token: str) -> str:
        """Of a commit that was named by its SHA alone: "" where it is the repository's own. Where it is a fork's, or
        nobody knows, the repository's own commit whose pipeline file counts for it."""

    def read_file(self, repository: Repository, path: str, sha: str, token: str) -> str:
        """A file's text at a commit; raises NotFound, naming the file and the commit."""

    def clone_url(self, repository: Repository) -> str:
        """The URL that stages clone from; on GitHub, nobody is asked whether it is there."""

    def login(self, token: str) -> str:
        """The name of the user whom the token belongs to, or ""."""


class StatusHost(Protocol):
    """A source host that shows statuses beside its commits. It raises as the SourceHost does, and RateLimited."""

    def post_status(
        self, repository: Repository, sha: str, context: str, status: CommitStatus, link: str, token: str
    ) -> None:
        """Set a commit's status of one context; the newest is shown."""


class HookHost(Protocol):
    """A source host that tells of pushes and pull requests. It raises as the SourceHost does."""

    def add_hook(self, repository: Repository, url: str, secret: str, token: str) -> str:
        """Have them delivered to `url`, signed with `secret`; an older hook to `url` is replaced. Returns "", or why
        the host delivers nothing there: it must reach that address."""

    def remove_hook(self, repository: Repository, url: str, token: str) -> None:
        """Have nothing delivered to `url` any more; absent is fine."""


class SecretIntake(Protocol):
    """A launcher that keeps named Secrets itself, in memory, because no cluster does."""

    def put_secret(self, namespace: str, name: str, data: Mapping[str, bytes]) -> None:
        """Keep a Secret for the stages of a namespace that name it; replaces one of the same name."""


class SecretReader(Protocol):
    """Reads the few Secrets that kontinuous itself needs by name: those of notifications."""

    def read_secret(self, namespace: str, name: str) -> Mapping[str, bytes]:
        """A Secret's values by key. Raises NotFound where there is none, Forbidden where it may not be read, each with
        what to do about it; InfrastructureError where nobody answers."""
