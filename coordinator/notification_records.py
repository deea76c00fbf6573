"""The outbox of notifications: one record for each build that tells somebody."""

from coordinator.notices import NotificationRecord
from coordinator.outbox import Outbox
from shared import keys
from shared.model import Build
from shared.store_ports import KeyValue


class NotificationRecords(Outbox[NotificationRecord]):
    """The records. Every call raises StoreError when etcd cannot be reached."""

    def __init__(self, kv: KeyValue) -> None:
        super().__init__(kv, NotificationRecord, keys.NOTIFICATIONS, _key)

    def forget(self, build: Build) -> None:
        """Drop what is known of a build that is removed."""
        self._kv.delete(_key(build))


def _key(build: Build) -> str:
    return keys.notification_key(build.repository, build.number)
