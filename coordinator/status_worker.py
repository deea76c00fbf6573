"""Posts commit statuses until GitHub shows the truth: level-triggered, through outages, by one or more coordinators.

The outbox is `CommitRecords`: what GitHub has taken. A build is looked at when it changes, and again until nothing of
it is left to post; before each request the commit's record is claimed, so that two coordinators post nothing twice.
"""

import logging
import os

from coordinator.commit_records import CommitRecords, Held
from coordinator.github_api import Refused
from coordinator.links import build_url, github_host
from coordinator.pauses import Pauses
from coordinator.queue_worker import QueueWorker
from coordinator.settings import Settings
from coordinator.statuses import CommitRecord, Post, Shown, adopted, outstanding
from coordinator.store import BuildStore, Stored
from coordinator.tokens import Tokens
from shared import keys
from shared.clock import timestamp
from shared.errors import InputError, KontinuousError, NotFound
from shared.model import Build
from shared.ports import KeyValue, StatusHost

WORKERS = 4
TOGETHER_S = 0.2
"""What changes within this time is looked at together."""
HELD_S = 1.0

log = logging.getLogger(__name__)


class StatusWorker:
    """Keeps the statuses of all builds on one GitHub. `start` begins, `stop` ends its threads."""

    def __init__(
        self, settings: Settings, kv: KeyValue, store: BuildStore, host: StatusHost, pauses: Pauses | None = None
    ) -> None:
        self._settings = settings
        self._kv = kv
        self._store = store
        self._host = host
        self._records = CommitRecords(kv)
        self._tokens = Tokens(store, settings)
        self._prefix = f"{keys.BUILDS}{github_host(settings.github_url)}/"
        self._pauses = pauses or Pauses()
        self._worker = QueueWorker("statuses", self._look_at, WORKERS, settings.resync_s)
        self._settled: dict[str, int] = {}

    def start(self) -> None:
        """Begin to watch and to work; returns at once."""
        self._worker.start(self._watch)

    def stop(self) -> None:
        """Stop all threads, waiting a few seconds for them."""
        self._worker.stop()

    def _watch(self) -> None:
        """Look at each build that changes; it begins with all there are, but for those that were settled before."""
        self._settled = dict(self._records.settled())
        for change in self._kv.watch(self._prefix, self._worker.stopping):
            if change.value is None:
                self._settled.pop(change.key, None)
            elif self._settled.get(change.key) != change.revision:
                self._worker.queue.add(change.key, TOGETHER_S)

    def _look_at(self, key: str) -> float | None:
        """Post what is outstanding; returns in how many seconds to look again, None where that needs a change."""
        while (stored := self._store.build_at(key)) is not None:
            held = self._records.read(stored.value)
            if not held.is_free(timestamp()):
                return HELD_S
            record = adopted(stored.value, held.record)
            posts = outstanding(stored.value, record)
            if not posts:
                return self._settle(key, stored, held, record)
            wait_s = self._pauses.left_s(str(stored.value.repository))
            if wait_s > 0:
                return wait_s
            again_s = self._post(stored.value, Held(held.key, record, held.revision), posts[0])
            if again_s is not None:
                return again_s
        return None

    def _settle(self, key: str, stored: Stored[Build], held: Held, record: CommitRecord) -> float | None:
        """Note that nothing is left to post, for as long as the build does not change."""
        number = str(stored.value.number)
        if stored.value.finished and record.settled.get(number) != stored.revision:
            record = record.with_settled(number, stored.revision)
        if record != held.record and not self._records.write(held, record):
            return 0.0
        if stored.value.finished:
            self._settled[key] = stored.revision
        return None

    def _post(self, build: Build, held: Held, post: Post) -> float | None:
        """Post one status under a claim; returns in how many seconds to try again, None where it was done."""
        try:
            token = self._tokens.of(build.repository)
        except NotFound:  # the pipeline was removed, and its builds are about to be
            return self._settings.resync_s
        except InputError as error:
            return self._pause(build, post, error)
        claimed = self._records.hold(held, os.urandom(8).hex(), post.context)
        if claimed is None:
            return HELD_S
        try:
            shown = self._send(build, post, token)
        except KontinuousError as error:
            self._records.release(claimed)
            return self._pause(build, post, error)
        self._pauses.clear(str(build.repository))
        return None if self._records.release(claimed, claimed.record.showing(post.context, shown)) else 0.0

    def _send(self, build: Build, post: Post, token: str) -> Shown:
        """Post one status; what GitHub will never take is settled too."""
        link = build_url(self._settings.kontinuous_url, build.repository, post.shown.build)
        try:
            self._host.post_status(build.repository, build.commit.sha, post.context, post.shown.status, link, token)
        except Refused as error:
            log.warning("%s build %d, %s: %s", build.repository, build.number, post.context, error)
            return post.shown.as_refused(str(error))
        return post.shown

    def _pause(self, build: Build, post: Post, error: KontinuousError) -> float:
        pause_s = self._pauses.after(str(build.repository), error)
        log.warning(
            "%s build %d, %s: %s; again in %.0f s", build.repository, build.number, post.context, error, pause_s
        )
        return pause_s
