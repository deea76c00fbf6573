"""An outbox in etcd: records of what was posted of builds, changed only by compare-and-put, claimed under a lease.

Whoever is about to post claims the record first, so that two coordinators post nothing twice.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Generic, Self, TypeVar

from shared import keys
from shared.clock import timestamp, utc_now
from shared.codec import decode, encode
from shared.errors import InputError
from shared.model import Build, Repository
from shared.store_ports import KeyValue

HOLD_S = 60
"""Longer than any one post takes; who holds a record for longer has died."""


@dataclass(frozen=True, slots=True)
class OutboxRecord:
    """What every record of an outbox has; what was posted comes on top.

    `holder` is who is posting at the moment, until `held_until` at the latest, and `posting` what. `settled` maps the
    number of a finished build of which nothing is left to post to its revision in etcd.
    """

    holder: str = ""
    held_until: str = ""
    posting: str = ""
    settled: Mapping[str, int] = field(default_factory=dict)

    def with_settled(self, number: str, revision: int) -> Self:
        """The record when nothing is left to post of a finished build."""
        return replace(self, settled={**self.settled, number: revision})


R = TypeVar("R", bound=OutboxRecord)


@dataclass(frozen=True, slots=True)
class Held(Generic[R]):
    """A record as it was read: its key, and its revision, 0 where there is none yet."""

    key: str
    record: R
    revision: int = 0

    def is_free(self, now: str) -> bool:
        """Whether nobody is posting."""
        return not self.record.holder or self.record.held_until < now


class Outbox(Generic[R]):
    """The records of one `kind` below `prefix`, where `key_of` says which is a build's; a key goes on with the
    repository. Every call raises StoreError when etcd cannot be reached."""

    def __init__(self, kv: KeyValue, kind: type[R], prefix: str, key_of: Callable[[Build], str]) -> None:
        self._kv = kv
        self._kind = kind
        self._prefix = prefix
        self._key_of = key_of

    def read(self, build: Build) -> Held[R]:
        """The record that a build belongs to."""
        return self._read(self._key_of(build))

    def write(self, held: Held[R], record: R) -> int:
        """Write over the record that was read; returns its revision, 0 where somebody was faster."""
        if held.revision:
            return self._kv.replace(held.key, encode(record), held.revision)
        return self._kv.create(held.key, encode(record))

    def hold(self, held: Held[R], holder: str, posting: str) -> Held[R] | None:
        """Claim a record for one post; None where somebody was faster."""
        until = timestamp(utc_now() + timedelta(seconds=HOLD_S))
        record = replace(held.record, holder=holder, held_until=until, posting=posting)
        revision = self.write(held, record)
        return Held(held.key, record, revision) if revision else None

    def release(self, held: Held[R], record: R | None = None) -> bool:
        """Give up the claim, with what the record is now; False where it was not held any more."""
        return bool(self.write(held, replace(record or held.record, holder="", held_until="", posting="")))

    def settled(self) -> Iterator[tuple[str, int]]:
        """The keys of the builds of which nothing is left to post, each with its revision."""
        for entry in self._kv.scan(self._prefix):
            repository = Repository(*entry.key.removeprefix(self._prefix).split("/")[:3])
            try:
                record = decode(self._kind, entry.value)
            except InputError:  # of a newer kontinuous: then its builds are looked at
                continue
            for number, revision in record.settled.items():
                yield keys.build_key(repository, int(number)), revision

    def _read(self, key: str) -> Held[R]:
        entry = self._kv.get(key)
        return Held(key, decode(self._kind, entry.value), entry.revision) if entry else Held(key, self._kind())
