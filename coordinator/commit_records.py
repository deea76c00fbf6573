"""The outbox of commit statuses in etcd: one record for each commit that was built, changed only by compare-and-put."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from coordinator.statuses import CommitRecord
from shared import keys
from shared.clock import timestamp, utc_now
from shared.codec import decode, encode
from shared.errors import InputError
from shared.model import Build, Repository
from shared.ports import KeyValue

HOLD_S = 60
"""Longer than a request to GitHub takes; who holds a record for longer has died."""
_MAX_RACES = 50


@dataclass(frozen=True, slots=True)
class Held:
    """A record as it was read: its key, and its revision, 0 where there is none yet."""

    key: str
    record: CommitRecord
    revision: int = 0

    def is_free(self, now: str) -> bool:
        """Whether nobody is posting for the commit."""
        return not self.record.holder or self.record.held_until < now


class CommitRecords:
    """The records. Every call raises StoreError when etcd cannot be reached."""

    def __init__(self, kv: KeyValue) -> None:
        self._kv = kv

    def read(self, build: Build) -> Held:
        """The record of a build's commit."""
        return self._read(keys.commit_key(build.repository, build.commit.sha))

    def write(self, held: Held, record: CommitRecord) -> bool:
        """Write over the record that was read; False where somebody was faster."""
        if held.revision:
            return self._kv.replace(held.key, encode(record), held.revision)
        return self._kv.create(held.key, encode(record))

    def hold(self, held: Held, holder: str, context: str) -> Held | None:
        """Claim a record for posting one context; None where somebody was faster."""
        until = timestamp(utc_now() + timedelta(seconds=HOLD_S))
        if not self.write(held, replace(held.record, holder=holder, held_until=until, posting=context)):
            return None
        now = self._read(held.key)
        return now if now.record.holder == holder else None

    def release(self, held: Held, record: CommitRecord | None = None) -> bool:
        """Give up the claim, with what the record is now."""
        return self.write(held, replace(record or held.record, holder="", held_until="", posting=""))

    def settled(self) -> Iterator[tuple[str, int]]:
        """The keys of the builds of which nothing is left to post, each with its revision."""
        for entry in self._kv.list(keys.COMMITS):
            repository = Repository(*entry.key.removeprefix(keys.COMMITS).split("/")[:3])
            try:
                record = decode(CommitRecord, entry.value)
            except InputError:  # of a newer kontinuous: then its builds are looked at
                continue
            for number, revision in record.settled.items():
                yield keys.build_key(repository, int(number)), revision

    def forget(self, build: Build) -> None:
        """Drop what is known of a build that is removed, and of those before it."""
        for _ in range(_MAX_RACES):
            held = self.read(build)
            left = held.record.without(build.number)
            if held.revision == 0 or left == held.record:
                return
            if left.contexts or left.settled:
                if self.write(held, left):
                    return
            elif self._kv.delete(held.key):
                return

    def _read(self, key: str) -> Held:
        entry = self._kv.get(key)
        return Held(key, decode(CommitRecord, entry.value), entry.revision) if entry else Held(key, CommitRecord())
