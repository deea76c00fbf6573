"""The outbox of commit statuses: one record for each commit that was built."""

from coordinator.outbox import Held, Outbox
from coordinator.statuses import CommitRecord
from shared import keys
from shared.model import Build, Repository
from shared.store_ports import KeyValue

_MAX_RACES = 50


class CommitRecords(Outbox[CommitRecord]):
    """The records. Every call raises StoreError when etcd cannot be reached."""

    def __init__(self, kv: KeyValue) -> None:
        super().__init__(
            kv, CommitRecord, keys.COMMITS, lambda build: keys.commit_key(build.repository, build.commit.sha)
        )

    def of_commit(self, repository: Repository, sha: str) -> Held[CommitRecord]:
        """The record of a commit, of which there may be no build."""
        return self._read(keys.commit_key(repository, sha))

    def let_go(self, claimed: Held[CommitRecord]) -> None:
        """Give up a claim; a record that was made for it alone goes."""
        if claimed.record.contexts or claimed.record.settled:
            self.release(claimed)
        else:
            self._kv.delete(claimed.key, claimed.revision)

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
