"""The loop: observe a build, advance it, store it, act. Level-triggered: watches make it fast, the resync makes it right.

Any number of coordinators may run this side by side: each write is a compare-and-put, each action harmless when
repeated. A worker that loses a race simply looks again.
"""

import logging
import threading
from collections.abc import Callable

from coordinator.advance import Cancel, Discard, Launch, Observation, Step, advance, with_launched
from coordinator.changes import BuildChanges
from coordinator.job_cache import JobCache
from coordinator.manifests import job_manifest, secret_manifest
from coordinator.retention import Retention
from coordinator.settings import Settings
from coordinator.store import BuildStore, Stored
from coordinator.verdict import Limits
from coordinator.work_queue import WorkQueue
from shared import keys
from shared.clock import timestamp, utc_now
from shared.errors import InfrastructureError, KontinuousError
from shared.model import Build
from shared.ports import KeyValue, Launcher

WORKERS = 8
LOOK_AGAIN_S = 1.0
RETRY_S = 2.0

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
    ) -> None:
        self._settings = settings
        self._kv = kv
        self._store = BuildStore(kv)
        self._launcher = launcher
        self._changes = changes
        self._retention = retention
        self._limits = Limits(waiting_s=settings.waiting_limit_s)
        self._jobs = JobCache()
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
        """Stop all threads, waiting at most `wait_s` for each."""
        self._stopping.set()
        self._queue.close()
        self._changes.close()
        for thread in self._threads:
            thread.join(wait_s)

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
            self._jobs.replace(self._launcher.jobs())
            for key in self._jobs.build_keys():
                self._queue.add(key)
            for key, build in self._store.all_builds():
                if not build.finished:
                    self._queue.add(key)
            self._stopping.wait(self._settings.resync_s)

    def _work(self) -> None:
        while (key := self._queue.take()) is not None:
            try:
                self._look_at(key)
            except KontinuousError as error:
                log.warning("%s: %s", key, error)
                self._queue.add(key, RETRY_S)
            except Exception:
                self._queue.add(key, self._settings.resync_s)
                raise
            finally:
                self._queue.done(key)

    def _look_at(self, key: str) -> None:
        jobs = self._jobs.of_build(key)  # before the reports: a Job seen as ended has written its report before
        stored = self._store.build_at(key)
        if stored is None:
            self._clear(key)
            return
        if stored.value.finished and not jobs:
            return
        complete = self._jobs.complete
        seen = Observation(self._store.reports(stored.value), jobs, utc_now(), complete)
        step = advance(stored.value, seen, self._limits)
        if not self._save(stored, step):
            self._queue.add(key)
            return
        self._act(key, step)
        if step.look_again:
            self._queue.add(key, LOOK_AGAIN_S)

    def _save(self, stored: Stored[Build], step: Step) -> bool:
        if step.build == stored.value:
            return True
        if not self._store.replace_build(stored, step.build):
            return False
        if step.build.finished:
            log.info(
                "%s build %d: %s %s", step.build.repository, step.build.number, step.build.status, step.build.reason
            )
            self._retention.apply(step.build.repository)
        return True

    def _act(self, key: str, step: Step) -> None:
        for action in step.actions:
            match action:
                case Launch():
                    self._launch(key, step.build, action)
                case Cancel():
                    self._launcher.cancel(action.job)
                case Discard():
                    self._discard(action)
                case _:
                    raise ValueError(f"{action} is not an action")

    def _launch(self, key: str, build: Build, action: Launch) -> None:
        stage, attempt = next(
            (stage, attempt)
            for stage in build.stages
            for attempt in stage.attempts
            if (stage.id, attempt.number) == (action.stage_id, action.attempt)
        )
        manifest = job_manifest(build, stage, attempt, self._settings)
        try:
            self._launcher.launch(manifest, [secret_manifest(build, self._settings)])
        except InfrastructureError as error:
            log.warning("%s is not launched yet: %s", attempt.job, error)
            self._note(build, action, waiting_for=str(error))
            self._queue.add(key, RETRY_S)
            return
        now = timestamp()
        self._store.update_build(
            build.repository, build.number, lambda b: with_launched(b, action.stage_id, action.attempt, launched_at=now)
        )

    def _note(self, build: Build, action: Launch, waiting_for: str) -> None:
        self._store.update_build(
            build.repository,
            build.number,
            lambda b: with_launched(b, action.stage_id, action.attempt, waiting_for=waiting_for),
        )

    def _discard(self, action: Discard) -> None:
        if self._settings.remove_jobs:
            self._launcher.remove(action.job)
            self._jobs.forget(action.job)

    def _clear(self, key: str) -> None:
        """Jobs of a build that was deleted have nobody to report to."""
        for job in self._jobs.of_build(key).values():
            self._launcher.cancel(job.ref)
