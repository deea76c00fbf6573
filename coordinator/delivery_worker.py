"""Makes builds of the deliveries that were taken: each at most one, through outages, by one or more coordinators.

A delivery gets its build's number before there is a build: whoever goes on after a crash makes that one, or finds it.
"""

import logging
import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from coordinator.builds import Builds
from coordinator.commit_records import CommitRecords
from coordinator.delivery import Delivery
from coordinator.delivery_records import CommitDeliveries, DeliveryRecords
from coordinator.github_api import Refused
from coordinator.pauses import Pauses
from coordinator.queue_worker import QueueWorker
from coordinator.settings import Settings
from coordinator.store import BuildStore
from coordinator.tokens import Tokens
from shared import keys
from shared.clock import seconds_between, timestamp, utc_now
from shared.codec import decode
from shared.errors import InfrastructureError, InputError, KontinuousError, NotFound, TokenRefused
from shared.github_status import CONTEXT, of_refusal
from shared.model import Build, Repository, Trigger
from shared.ports import SourceHost, StatusHost
from shared.store_ports import KeyValue

WORKERS = 4
HELD_S = 1.0
LAG_S = 20
"""GitHub's API may know of a commit a little later than its webhook does."""
TIDY_S = 3600

log = logging.getLogger(__name__)


class DeliveryWorker:
    """Works on all deliveries. `start` begins, `stop` ends its threads."""

    def __init__(
        self,
        settings: Settings,
        kv: KeyValue,
        store: BuildStore,
        builds: Builds,
        source: SourceHost,
        statuses: StatusHost,
        pauses: Pauses | None = None,
    ) -> None:
        self._settings = settings
        self._kv = kv
        self._store = store
        self._builds = builds
        self._source = source
        self._statuses = statuses
        self._records = DeliveryRecords(kv)
        self._commits = CommitRecords(kv)
        self._tokens = Tokens(store, settings)
        self._pauses = pauses or Pauses()
        self._worker = QueueWorker("deliveries", self._look_at, WORKERS, settings.resync_s)
        self._name = os.urandom(8).hex()

    def start(self) -> None:
        """Begin to watch and to work; returns at once."""
        self._worker.start(self._watch, self._tidy)

    def stop(self) -> None:
        """Stop all threads, waiting a few seconds for them."""
        self._worker.stop()

    def _watch(self) -> None:
        for change in self._kv.watch(keys.DELIVERIES, self._worker.stopping):
            if change.value is not None and decode(CommitDeliveries, change.value).open() is not None:
                self._worker.queue.add(change.key)

    def _tidy(self) -> None:
        while not self._worker.stopping.is_set():
            self._records.tidy()
            self._worker.stopping.wait(TIDY_S)

    def _look_at(self, key: str) -> float | None:
        """Work on what is open of a commit; returns in how many seconds to look again, None where nothing is left."""
        repository = keys.repository_of_delivery(key)
        while self._records.read(key).open() is not None:
            lane = self._tokens.lane(repository)
            wait_s = self._pauses.left_s(lane)
            if wait_s > 0:
                return min(wait_s, self._settings.resync_s)  # the lane may be another by then
            holder = f"{self._name}-{os.urandom(4).hex()}"
            claimed = self._records.update(key, lambda r: r.held(holder, utc_now()))  # noqa: B023
            if claimed.holder != holder:
                return HELD_S
            held = claimed.open()  # another may have taken it further since it was read
            again_s = self._carry_out(lane, repository, key, held, holder) if held else None
            self._records.update(key, lambda r: r.released if r.holder == holder else r)  # noqa: B023
            if again_s is not None:
                return again_s
        return None

    def _carry_out(self, lane: str, repository: Repository, key: str, delivery: Delivery, holder: str) -> float | None:
        """Take one delivery further; returns in how many seconds to try again, None where that was done."""
        record = self._records.read(key)
        try:
            token = self._tokens.of(repository)
        except NotFound:  # the pipeline was removed; it may be created anew by now
            self._records.remove(key, record)
            return None
        except InputError as error:
            return self._pause(lane, repository, delivery, error)
        try:
            again_s = self._take_further(repository, key, delivery, holder, token)
        except KontinuousError as error:
            return self._pause(lane, repository, delivery, error)
        self._pauses.clear(lane)
        return again_s

    def _pause(self, lane: str, repository: Repository, delivery: Delivery, error: KontinuousError) -> float:
        pause_s = self._pauses.after(lane, error)
        log.warning("the delivery of %s of %s: %s; again in %.0f s", delivery.sha[:10], repository, error, pause_s)
        return min(pause_s, self._settings.resync_s)

    def _take_further(
        self, repository: Repository, key: str, delivery: Delivery, holder: str, token: str
    ) -> float | None:
        if delivery.failed:
            if not self._tell(repository, delivery, holder, token):
                return HELD_S
            self._note(key, replace(delivery, done=True), holder)
            return None
        twin = self._records.read(key).twin_of(delivery, partial(self._store.has_build, repository))
        if twin is not None:
            self._note(key, replace(delivery, build=twin.build, twin=True, done=True), holder)
            return None
        try:
            make = self._prepared(repository, delivery, token)
        except TokenRefused:
            raise
        except InputError as error:
            log.info("no build can be made of %s of %s: %s", delivery.sha[:10], repository, error)
            self._note(key, replace(delivery, build=0, failed=str(error)), holder)
            return None
        return self._store_build(repository, key, delivery, holder, make)

    def _prepared(self, repository: Repository, delivery: Delivery, token: str) -> Callable[[int], Build]:
        try:
            commit = self._source.commit(repository, delivery.sha, token)
        except NotFound as error:
            if _seconds_old(delivery) < LAG_S:
                raise InfrastructureError(f"GitHub does not have the commit yet: {error}") from error
            raise
        return self._builds.prepared(
            repository,
            replace(commit, ref=delivery.ref),
            Trigger("webhook", delivery.actor),
            token,
            fork_base=delivery.base_sha,
        )

    def _store_build(
        self, repository: Repository, key: str, delivery: Delivery, holder: str, make: Callable[[int], Build]
    ) -> float | None:
        if not delivery.build:
            delivery = replace(delivery, build=self._store.next_number(repository))
            if not self._note(key, delivery, holder):
                return HELD_S
        if self._store.put_build(make(delivery.build)):
            log.info("%s build %d is made of a %s", repository, delivery.build, delivery.event)
        self._note(key, replace(delivery, done=True), holder)
        return None

    def _tell(self, repository: Repository, delivery: Delivery, holder: str, token: str) -> bool:
        """Say on the commit why it is not built, unless a build of it is shown there; a commit that GitHub will take no
        status for is let be. False while another status of the commit is being posted."""
        held = self._commits.of_commit(repository, delivery.sha)
        if CONTEXT in held.record.contexts:
            return True
        claimed = self._commits.hold(held, holder, CONTEXT) if held.is_free(timestamp()) else None
        if claimed is None:
            return False
        status, link = of_refusal(delivery.failed), self._settings.kontinuous_url
        try:
            self._statuses.post_status(repository, delivery.sha, CONTEXT, status, link, token)
        except Refused as error:
            log.warning("%s of %s: %s", delivery.sha[:10], repository, error)
        finally:
            self._commits.let_go(claimed)
        return True

    def _note(self, key: str, delivery: Delivery, holder: str) -> bool:
        """Keep what became of a delivery; False where somebody else works on it by now."""

        def change(record: CommitDeliveries) -> CommitDeliveries:
            return record.with_delivery(delivery) if record.holder == holder else record

        return self._records.update(key, change).holder == holder


def _seconds_old(delivery: Delivery) -> float:
    return seconds_between(delivery.accepted_at, timestamp()) or 0.0
