"""What a caller may do with a repository: what their access token may do at its host, remembered for a moment."""

import hashlib
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

from shared.errors import Forbidden, InfrastructureError, NotFound
from shared.model import Repository
from shared.ports import Access, RepositoryInfo, SourceHost

FRESH_S = 30
STALE_S = 600
"""So long an answer counts where the host fails to give a new one."""
MOST = 20_000
ASKED_AT_ONCE = 8
_WORDS = {Access.READ: "read", Access.WRITE: "write to", Access.ADMIN: "administer"}

T = TypeVar("T")
Key = tuple[bytes, str]


@dataclass(frozen=True, slots=True)
class _Known(Generic[T]):
    value: T
    at: float


class _Memory(Generic[T]):
    """Answers of the host by token and question. Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: dict[Key, _Known[T]] = {}

    def get(self, token: str, question: str, ask: Callable[[], T]) -> T:
        """What is known, or what `ask` says; where that fails, what was known not long ago."""
        key = (hashlib.sha256(token.encode()).digest(), question)
        known = self._known.get(key)
        now = time.monotonic()
        if known is not None and now < known.at + FRESH_S:
            return known.value
        try:
            value = ask()
        except InfrastructureError:
            if known is not None and now < known.at + STALE_S:
                return known.value
            raise
        self._put(key, _Known(value, now))
        return value

    def _put(self, key: Key, known: _Known[T]) -> None:
        with self._lock:
            if len(self._known) >= MOST:
                oldest = known.at - FRESH_S
                self._known = {k: each for k, each in self._known.items() if each.at > oldest}
            self._known[key] = known


class Permissions:
    """Asks the source host. Thread-safe."""

    def __init__(self, source: SourceHost) -> None:
        self._source = source
        self._repositories: _Memory[RepositoryInfo | None] = _Memory()
        self._logins: _Memory[str] = _Memory()

    def require(self, repository: Repository, token: str, access: Access) -> Repository:
        """The repository as its host spells it, if the caller has this access.

        One that was renamed or transferred keeps the name that is asked for: its pipeline and builds are under that.
        Raises NotFound where they may not even see it, Forbidden where they may do less, and what the host raises.
        """
        info = self._described(repository, token)
        if info is None or info.access < Access.READ:
            self._source.clone_url(repository)  # of what it does not serve it says what it does
            raise NotFound(f"there is no repository {repository}, or it is hidden from this token")
        if info.access < access:
            raise Forbidden(f"this token may not {_WORDS[access]} {info.repository}, which this needs")
        renamed = str(info.repository).lower() != str(repository).lower()
        return repository if renamed else info.repository

    def visible(self, repositories: Iterable[Repository], token: str) -> frozenset[Repository]:
        """Those of the repositories that the caller may read."""
        asked = list(repositories)
        with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
            infos = pool.map(lambda each: self._described(each, token), asked)
            return frozenset(
                each for each, info in zip(asked, infos, strict=True) if info and info.access >= Access.READ
            )

    def login(self, token: str) -> str:
        """The name of the user whom a token belongs to, or ""."""
        return self._logins.get(token, "", lambda: self._source.login(token))

    def _described(self, repository: Repository, token: str) -> RepositoryInfo | None:
        def ask() -> RepositoryInfo | None:
            try:
                return self._source.describe(repository, token)
            except NotFound:
                return None

        return self._repositories.get(token, str(repository).lower(), ask)
