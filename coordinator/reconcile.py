"""The loop: observe a build, advance it, store it, act. Watches make it fast, the resync makes it right.

Any number of coordinators may run this side by side: each write is a compare-and-put, each action harmless when
repeated. A worker that loses a race simply looks again.
"""

import logging
import threading
import time
from collections.abc import Callable

from coordinator.acting import RETRY_S, Actor
from coordinator.advance import Observation, Step, advance
from coordinator.changes import BuildChanges
from coordinator.job_cache import JobCache
from coordinator.metrics import Metrics
from coordinator.retention import Retention
from coordinator.settings import Settings
from coordinator.store import BuildStore
from coordinator.verdict import Limits
from coordinator.work_queue import WorkQueue
from shared import keys
from shared.clock import utc_now
from shared.errors import InfrastructureError, KontinuousError
from shared.model import Build
from shared.ports import Launcher
from shared.store_ports import KeyValue

WORKERS = 8
LOOK_AGAIN_S = 1.0

log = logging.getLogger(__name__)


class Reconciler:
    """Drives all unfinished builds. `start` begins, `stop` ends its threads; builds go on without it."""

    def __init__(
        self,
        settings: Settings,
        kv: KeyValue,
        launcher: Launcher,
        changes: BuildChanges,
        retention: Retention,
        metrics: Metrics,
    ) -> None:
        self._settings = settings
        self._kv = kv
        self._store = BuildStore(kv)
        self._launcher = launcher
        self._changes = changes
        self._retention = retention
        self._metrics = metrics
        self._limits = Limits(waiting_s=settings.waiting_limit_s)
        self._jobs = JobCache()
        self._actor = Actor(settings, self._store, launcher, self._jobs)
        self._finished: dict[str, int] = {}  # builds that a resync saw as finished, with their revisions then
        self._queue = WorkQueue()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to watch and to work; returns at once."""
        loops = [self._watch_reports, self._watch_builds, self._watch_jobs, self._resync, *[self._work] * WORKERS]
        for loop in loops:
            thread = threading.Thread(target=self._guard, args=(loop,), name=loop.__name__.strip("_"), daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self, wait_s: float = 5.0) -> None:
        """Stop all threads, waiting at most `wait_s` for them."""
        self._stopping.set()
        self._queue.close()
        self._changes.close()
        deadline = time.monotonic() + wait_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _guard(self, loop: Callable[[], None]) -> None:
        """Run a loop again when it fails: a coordinator that has stopped looking would be worse than a noisy one."""
        while not self._stopping.is_set():
            try:
                loop()
            except KontinuousError as error:
                log.warning("%s: %s", loop.__name__.strip("_"), error)
            except Exception:
                log.exception("%s failed", loop.__name__.strip("_"))
            self._stopping.wait(RETRY_S)

    def _watch_reports(self) -> None:
        for change in self._kv.watch(keys.REPORTS, self._stopping):
            if change.value is not None:
                self._queue.add(keys.build_key_of_report(change.key))

    def _watch_builds(self) -> None:
        for change in self._kv.watch(keys.BUILDS, self._stopping):
            self._changes.publish(change)
            self._queue.add(change.key)

    def _watch_jobs(self) -> None:
        for state in self._launcher.watch(self._stopping):
            self._jobs.put(state)
            self._queue.add(state.build_key)

    def _resync(self) -> None:
        while not self._stopping.is_set():
            unfinished, self._finished = self._store.sort_builds(self._finished)
            for key in unfinished:  # also where no Jobs can be listed
                self._queue.add(key)
            self._list_jobs()
            for key in (*unfinished, *self._jobs.build_keys()):
                self._queue.add(key)
            self._stopping.wait(self._settings.resync_s)

    def _list_jobs(self) -> None:
        self._jobs.begin_listing()
        listed_at = utc_now()
        self._jobs.replace(self._launcher.jobs(), listed_at)

    def _work(self) -> None:
        while (key := self._queue.take()) is not None:
            try:
                self._look_at(key)
            except KontinuousError as error:
                log.warning("%s: %s", key, error)
                again_s = RETRY_S if isinstance(error, InfrastructureError) else self._settings.resync_s
                self._queue.add(key, again_s)
            except Exception:
                self._queue.add(key, self._settings.resync_s)
                raise
            finally:
                self._queue.done(key)

    def _look_at(self, key: str) -> None:
        listed_at = self._jobs.listed_at  # before the Jobs: what this listing saw is in them
        jobs = self._jobs.of_build(key)  # before the reports: a Job seen as ended has written its report before
        if not jobs and self._finished.get(key, -1) >= self._changes.revision(key):
            return  # at the start, the watches name every build that is kept
        stored = self._store.build_at(key)
        if stored is None:
            self._actor.clear(key)
            return
        if stored.value.finished and not jobs:
            return
        seen = Observation(self._store.reports(stored.value), jobs, utc_now(), listed_at)
        step = advance(stored.value, seen, self._limits)
        if step.build != stored.value and not self._store.replace_build(stored, step.build):
            self._queue.add(key)
            return
        self._act(key, step)
        if step.look_again:
            self._queue.add(key, LOOK_AGAIN_S)
        if step.build.finished and not stored.value.finished:
            self._end(step.build)

    def _end(self, build: Build) -> None:
        log.info("%s build %d: %s %s", build.repository, build.number, build.status, build.reason)
        self._metrics.build_ended(build)
        self._retention.apply(build.repository)

    def _act(self, key: str, step: Step) -> None:
        for action in step.actions:
            again_s = self._actor.act(step.build, action)
            if again_s is not None:
                self._queue.add(key, again_s)
