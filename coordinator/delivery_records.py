"""The deliveries of webhooks in etcd: those about one commit are one record, changed only by compare-and-put.

So that a push and a pull request of the same commit become one build, whichever comes first.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from coordinator.delivery import KEPT, PULL_REQUEST, PUSH, Delivery
from shared import keys
from shared.clock import timestamp, utc_now
from shared.codec import decode, encode
from shared.errors import StoreError
from shared.model import Repository
from shared.store_ports import KeyValue

HOLD_S = 30
"""Longer than it mostly takes to ask GitHub for a commit and its file; then the delivery of a coordinator that has
died is another's. Two that work on one make the same build."""
_MAX_RACES = 50


@dataclass(frozen=True, slots=True)
class CommitDeliveries:
    """All deliveries about one commit. `holder` is who works on them, until `held_until` at the latest."""

    deliveries: tuple[Delivery, ...] = ()
    holder: str = ""
    held_until: str = ""

    def with_delivery(self, delivery: Delivery) -> "CommitDeliveries":
        """The record with one more, or with one changed."""
        if self.by_id(delivery.id) is None:
            return replace(self, deliveries=(*self.deliveries, delivery))
        changed = (delivery if each.id == delivery.id else each for each in self.deliveries)
        return replace(self, deliveries=tuple(changed))

    def by_id(self, digest: str) -> Delivery | None:
        """The delivery of a body, or None."""
        return next((each for each in self.deliveries if each.id == digest), None)

    def open(self) -> Delivery | None:
        """The next delivery with which something is to be done: pushes come first, pull requests may be their twins."""
        waiting = sorted((each for each in self.deliveries if not each.done), key=lambda each: each.event != PUSH)
        return waiting[0] if waiting else None

    def twin_of(self, delivery: Delivery, exists: Callable[[int], bool]) -> Delivery | None:
        """The delivery whose build stands for this one too, or None: it `exists`, or is still to be made.

        A pull request takes the build of a push of its commit, or of an earlier event of the same kind; a push that of
        a pull request that came before it, for the same branch.
        """
        built = (each for each in self.deliveries if each.build and not each.twin)
        return next((each for each in built if _stands(each, delivery) and (not each.done or exists(each.build))), None)

    def held(self, holder: str, now: datetime) -> "CommitDeliveries":
        """The record claimed by `holder`, where nobody else has it."""
        if self.holder and self.held_until >= timestamp(now):
            return self
        return replace(self, holder=holder, held_until=timestamp(now + timedelta(seconds=HOLD_S)))

    @property
    def released(self) -> "CommitDeliveries":
        """The record claimed by nobody."""
        return replace(self, holder="", held_until="")


def _stands(other: Delivery, delivery: Delivery) -> bool:
    if other.id == delivery.id or other.failed:
        return False
    if delivery.event == PULL_REQUEST:
        return other.event == PUSH or other.fork == delivery.fork
    return other.event == PULL_REQUEST and not other.fork and other.ref == delivery.ref


class DeliveryRecords:
    """The records. Every call raises StoreError when etcd cannot be reached."""

    def __init__(self, kv: KeyValue) -> None:
        self._kv = kv

    def accept(self, repository: Repository, delivery: Delivery) -> Delivery:
        """Keep a delivery, unless one of the same body is there; returns the one that is kept."""

        def add(record: CommitDeliveries) -> CommitDeliveries:
            return record if record.by_id(delivery.id) else record.with_delivery(delivery)

        kept = self.update(keys.delivery_key(repository, delivery.sha), add).by_id(delivery.id)
        return kept or delivery

    def read(self, key: str) -> CommitDeliveries:
        """A record; an empty one where there is none."""
        return self._read(key)[0]

    def update(self, key: str, change: Callable[[CommitDeliveries], CommitDeliveries]) -> CommitDeliveries:
        """Change a record whatever others write meanwhile."""
        for _ in range(_MAX_RACES):
            record, revision = self._read(key)
            changed = change(record)
            if changed == record or self._write(key, changed, revision):
                return changed
        raise StoreError(f"{key} changes too fast to be written")

    def remove(self, key: str, record: CommitDeliveries) -> None:
        """Forget a record that was read, unless it is another by now."""
        found, revision = self._read(key)
        if found == record:
            self._kv.delete(key, revision)

    def forget(self, repository: Repository) -> None:
        """Forget all records of a repository."""
        for entry in self._kv.list(keys.deliveries_prefix(repository)):
            self._kv.delete(entry.key)

    def tidy(self, now: datetime | None = None) -> None:
        """Forget what is so old that a delivery of it would not be taken."""
        oldest = timestamp((now or utc_now()) - KEPT)
        for entry in self._kv.list(keys.DELIVERIES):
            record = decode(CommitDeliveries, entry.value)
            if all(each.accepted_at < oldest for each in record.deliveries):
                self._kv.delete(entry.key, entry.revision)  # else a delivery may have come meanwhile

    def _read(self, key: str) -> tuple[CommitDeliveries, int]:
        entry = self._kv.get(key)
        return (decode(CommitDeliveries, entry.value), entry.revision) if entry else (CommitDeliveries(), 0)

    def _write(self, key: str, record: CommitDeliveries, revision: int) -> bool:
        data = encode(record)
        return bool(self._kv.replace(key, data, revision) if revision else self._kv.create(key, data))
