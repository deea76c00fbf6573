"""The outbox of commit statuses: one record for each commit that was built."""

from coordinator.outbox import Outbox
from coordinator.statuses import CommitRecord
from shared import keys
from shared.model import Build
from shared.store_ports import KeyValue

_MAX_RACES = 50


class CommitRecords(Outbox[CommitRecord]):
    """The records. Every call raises StoreError when etcd cannot be reached."""

    def __init__(self, kv: KeyValue) -> None:
        super().__init__(
            kv, CommitRecord, keys.COMMITS, lambda build: keys.commit_key(build.repository, build.commit.sha)
        )

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
            elif self._kv.delete(held.key, held.revision):
                return
