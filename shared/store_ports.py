"""What we ask of etcd and S3: Protocols that adapters keep, and what they speak of.

A NamedTuple is made four times as fast as a frozen dataclass, and each stage makes all of these anew.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from threading import Event
from typing import NamedTuple, Protocol


class Entry(NamedTuple):
    """One key in etcd with its `mod_revision`."""

    key: str
    value: bytes
    revision: int


class Change(NamedTuple):
    """Something that a watch saw: the key's new value, or None where it was deleted."""

    key: str
    value: bytes | None
    revision: int


class GuardedKeys(Protocol):
    """etcd, as far as a stage uses it. Every call raises StoreError when the store cannot be reached in time."""

    def get(self, key: str) -> Entry | None:
        """Read one key."""

    def create(self, key: str, value: bytes) -> int:
        """Write a key that must not exist yet; returns the revision that it has now, or 0 where it existed."""

    def replace(self, key: str, value: bytes, revision: int) -> int:
        """Write a key that must still be at `revision`; returns the one that it has now, or 0 where it was not."""


class KeyValue(GuardedKeys, Protocol):
    """etcd, as far as we use it."""

    def list(self, prefix: str) -> tuple[Entry, ...]:
        """Read all keys below `prefix`, in key order."""

    def scan(self, prefix: str) -> Iterator[Entry]:
        """Yield what `list` reads, as it was at one moment, without having all of it in memory."""

    def revisions(self, prefix: str) -> dict[str, int]:
        """The `mod_revision` of each key below `prefix`, in key order, without reading the values."""

    def span(self, first: str, end: str) -> tuple[Entry, ...]:
        """Read the keys from `first` on that come before `end`, in key order."""

    def delete(self, key: str, revision: int | None = None) -> bool:
        """Remove a key; False where there was none, or where it is no more at the `revision` that is given."""

    def watch(self, prefix: str, stop: Event) -> Iterator[Change]:
        """Yield what changes below `prefix` until `stop` is set, and survive restarts of the store.

        It begins by yielding all that is there. After a lost connection it goes on at the revision it had,
        or, where that was compacted away, yields all that is there again: a reader may see a change twice,
        never miss the newest one.
        """


class ObjectInfo(NamedTuple):
    """One object in S3: its key and its size in bytes."""

    key: str
    size: int


class ObjectStore(Protocol):
    """One bucket of an S3 server. Every call raises StoreError when the server cannot be reached or refuses."""

    def put(self, key: str, data: bytes) -> None:
        """Write an object whole."""

    def put_file(self, key: str, path: Path) -> None:
        """Write an object from a file, in constant memory."""

    def read(self, key: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Yield an object's bytes from `offset`; raises ObjectMissing before the first byte. Past the end: nothing."""

    def size(self, key: str) -> int:
        """An object's size in bytes; raises ObjectMissing."""

    def list(self, prefix: str) -> tuple[ObjectInfo, ...]:
        """List all objects below `prefix`, in key order."""

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects; those that do not exist are passed over."""
