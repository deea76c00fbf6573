"""What a source host does beyond being built from: Protocols that GitHub keeps, and a machine's own folders do not.

It raises as the SourceHost does.
"""

from dataclasses import dataclass
from typing import Protocol

from shared.model import Repository
from shared.ports import HookHost, RepositoryInfo, StatusHost


@dataclass(frozen=True, slots=True)
class RepositoryPage:
    """One page of a list, and whether another follows."""

    items: tuple[RepositoryInfo, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file's new text. `replaces` is git's name (SHA-1) of the content whose place it takes, "" for a new file."""

    path: str
    text: str
    message: str
    branch: str
    replaces: str


class RepositoryList(Protocol):
    """A source host that knows which repositories somebody can see."""

    def repositories(self, page: int, size: int, token: str) -> RepositoryPage:
        """A page (from 1 on) of at most `size` (up to 100) repositories of the token's user, by name."""


class FileHost(Protocol):
    """A source host that takes changes of files."""

    def put_file(self, repository: Repository, change: FileChange, token: str) -> str:
        """Commit a change to a branch; returns the commit's SHA.

        Raises Conflict where the host does not take it, as when the file has another content by now.
        """

    def make_branch(self, repository: Repository, name: str, sha: str, token: str) -> None:
        """Make a branch that begins at a commit."""

    def remove_branch(self, repository: Repository, name: str, token: str) -> None:
        """Remove a branch."""

    def propose(self, repository: Repository, head: str, base: str, message: str, token: str) -> str:
        """Open a pull request of the branch `head`, titled by the first line of `message`; returns its address."""


class Forge(StatusHost, HookHost, RepositoryList, FileHost, Protocol):
    """A source host that does all of it, statuses and webhooks too."""
