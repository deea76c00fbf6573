"""Sends notifications, each once: `NotificationRecords` is what was sent. Nothing that builds wait for is done here.

What fails is tried again, ever more seldom, until the event is `notification_limit_s` old; then it is given up, and the
build says so. A coordinator that dies between sending and noting it leaves the message to be sent again: better twice
than not at all.
"""

import logging
from dataclasses import replace

from coordinator.announcements import Undeliverable
from coordinator.build_feed import BuildFeed
from coordinator.notices import Notice, NotificationRecord, due, problems, recipient
from coordinator.notification_records import NotificationRecords
from coordinator.outbox_worker import OutboxWorker
from coordinator.pauses import OUTAGE, Pauses, Range
from coordinator.settings import Settings
from coordinator.telling import Teller
from shared import keys
from shared.clock import seconds_between, timestamp
from shared.errors import KontinuousError
from shared.model import Build
from shared.store_ports import KeyValue

REFUSAL = Range(10, 300)
"""Somebody has to make a Secret first, or to grant a right."""

log = logging.getLogger(__name__)


class NotificationWorker(OutboxWorker[NotificationRecord, Notice]):
    """Tells whom the pipelines of all builds name."""

    def __init__(
        self, settings: Settings, kv: KeyValue, feed: BuildFeed, teller: Teller, pauses: Pauses | None = None
    ) -> None:
        pauses = pauses or Pauses(OUTAGE, REFUSAL)
        super().__init__("notifications", keys.BUILDS, feed, NotificationRecords(kv), pauses, settings.resync_s)
        self._limit_s = settings.notification_limit_s
        self._teller = teller

    def concerns(self, build: Build) -> bool:
        """Only builds that tell somebody have a record."""
        return bool(build.pipeline.notif)

    def due(self, build: Build, record: NotificationRecord) -> tuple[NotificationRecord, tuple[Notice, ...]]:
        """What was not told yet."""
        return record, due(build, record)

    def gist(self, build: Build) -> object:
        """The build as a whole: it is seldom looked at."""
        return build

    def name(self, post: Notice) -> str:
        """Its name in the record."""
        return post.name

    def lanes(self, build: Build, posts: tuple[Notice, ...]) -> tuple[str, ...]:
        """Whom each is for: one that fails must not keep another waiting."""
        return tuple(recipient(build, post) for post in posts)

    def send(self, build: Build, record: NotificationRecord, post: Notice) -> NotificationRecord:
        """Send one notice; what no service will ever take, and what is too old, is over too."""
        age_s = seconds_between(post.since, timestamp()) or 0.0
        if age_s > self._limit_s:
            return self._given_up(build, record, post, self._too_old(record.troubles.get(post.name, "")))
        try:
            self._teller.tell(build, post)
        except Undeliverable as error:
            return self._given_up(build, record, post, str(error))
        return record.with_done(post.name)

    def failed(self, record: NotificationRecord, post: Notice, error: KontinuousError) -> NotificationRecord:
        """The record with what stands in the way."""
        return record.with_trouble(post.name, str(error))

    def shown(self, build: Build, record: NotificationRecord) -> Build:
        """The build with what was not sent."""
        return replace(build, notifications=problems(build, record))

    def _too_old(self, trouble: str) -> str:
        return f"not sent within {self._limit_s} s{f': {trouble}' if trouble else ''}"

    def _given_up(self, build: Build, record: NotificationRecord, post: Notice, why: str) -> NotificationRecord:
        log.warning("%s build %d, notification %s: %s", build.repository, build.number, post.name, why)
        return record.with_done(post.name, why)
