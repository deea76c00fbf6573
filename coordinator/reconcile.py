"""The loop: observe a build, advance it, store it, act. Watches make it fast, the resync makes it right.

Any number of coordinators may run this side by side: each write is a compare-and-put, each action harmless when
repeated. A worker that loses a race simply looks again. Lest they all do everything, the one that changed a build last
goes on with it, and the others look a moment later whether that was done.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace

from coordinator.acting import Actor
from coordinator.advance import Observation, Step, advance
from coordinator.build_feed import BuildFeed
from coordinator.job_cache import JobCache
from coordinator.metrics import Metrics
from coordinator.queue_worker import QueueWorker
from coordinator.retention import Retention
from coordinator.settings import Settings
from coordinator.verdict import Limits
from shared import keys
from shared.clock import utc_now
from shared.model import Attempt, Build, Stage
from shared.ports import JobPhase, JobState, Launcher
from shared.stage_contract import StageReport
from shared.store_ports import KeyValue

WORKERS = 8
LOOK_AGAIN_S = 1.0
COURTESY_S = 0.15
"""How much later than the coordinator that works on a build the others look at it."""
JOB_NEWS_S = 0.05
"""What happens to a Job within this time is looked at together: mostly its stage has just reported, too."""

Reports = Mapping[tuple[str, int], StageReport]

log = logging.getLogger(__name__)


class Reconciler:
    """Drives all unfinished builds. `start` begins, `stop` ends its threads; builds go on without it."""

    def __init__(
        self,
        settings: Settings,
        kv: KeyValue,
        launcher: Launcher,
        feed: BuildFeed,
        retention: Retention,
        metrics: Metrics,
    ) -> None:
        self._settings = settings
        self._kv = kv
        self._builds = feed.builds
        self._launcher = launcher
        self._changes = feed.changes
        self._retention = retention
        self._metrics = metrics
        self._limits = Limits(waiting_s=settings.waiting_limit_s)
        self._jobs = JobCache()
        self._actor = Actor(settings, self._builds, launcher, self._jobs)
        self._finished: dict[str, int] = {}  # builds that a resync saw as finished, with their revisions then
        self._unsettled: set[str] = set()
        self._unlisted: frozenset[str] = frozenset()
        self._worker = QueueWorker("reconciler", self._look_at, WORKERS, settings.resync_s)
        self._queue, self._stopping = self._worker.queue, self._worker.stopping

    def start(self) -> None:
        """Begin to watch and to work; returns at once."""
        self._worker.start(self._watch_reports, self._watch_builds, self._watch_jobs, self._resync)

    def stop(self) -> None:
        """Stop all threads, waiting a few seconds for them."""
        self._worker.stop()

    def _watch_reports(self) -> None:
        for change in self._kv.watch(keys.REPORTS, self._stopping):
            key = self._builds.observe_report(change)
            if change.value is not None:
                self._queue_change(key)

    def _watch_builds(self) -> None:
        for news in self._changes.follow(self._stopping):
            if not news.is_echo:  # what had to be done about our own change was done with it
                self._queue_change(news.key)

    def _watch_jobs(self) -> None:
        for state in self._launcher.watch(self._stopping):
            self._jobs.put(state)
            self._queue_change(state.build_key, JOB_NEWS_S)

    def _queue_change(self, key: str, delay_s: float = 0.0) -> None:
        self._queue.add(key, COURTESY_S if self._builds.is_elsewhere(key) else delay_s)

    def _resync(self) -> None:
        while not self._stopping.is_set():
            unfinished, self._finished = self._builds.sort_builds(self._finished)
            self._builds.forget_all()
            for key in unfinished:  # also where no Jobs can be listed
                self._queue.add(key)
            self._list_jobs()
            for key in (*unfinished, *self._jobs.build_keys()):
                self._queue.add(key)
            self._stopping.wait(self._settings.resync_s)

    def _list_jobs(self) -> None:
        self._jobs.begin_listing()
        listed_at = utc_now()
        listing = self._launcher.jobs()
        self._unlisted = self._launcher.unlisted
        self._jobs.replace(listing, listed_at)

    def _look_at(self, key: str) -> None:
        listed_at = self._jobs.listed_at  # before the Jobs: what this listing saw is in them
        jobs = self._jobs.of_build(key)  # before the reports: a Job seen as ended has written its report before
        if not jobs and self._finished.get(key, -1) >= self._changes.revision(key):
            return  # at the start, the watches name every build that is kept
        stored = self._builds.build_at(key)
        if stored is not None and not _knows_all(stored.value, jobs):
            stored = self._builds.build_now(key)  # a Job of none of its attempts is stopped, unless the view is old
        if stored is None:
            self._actor.clear(key)
            return
        build = stored.value
        if build.finished and not jobs and key not in self._unsettled:
            return
        if build.pipeline.namespace in self._unlisted:
            listed_at = None
        seen = Observation(self._reports(build, jobs), jobs, utc_now(), listed_at)
        step = advance(build, seen, self._limits)
        if _is_worth_writing(build, step.build) and not self._builds.replace_build(stored, step.build):
            self._queue.add(key)
            return
        has_ended = step.build.finished and not build.finished
        if has_ended:
            log.info("%s build %d: %s %s", build.repository, build.number, step.build.status, step.build.reason)
            self._metrics.build_ended(step.build)
        self._act(key, step)
        if step.look_again:
            self._queue.add(key, LOOK_AGAIN_S)
        if has_ended and self._is_over_retention(build):
            self._retention.apply(build.repository)

    def _reports(self, build: Build, jobs: Mapping[str, JobState]) -> Reports:
        """What was reported; asked for now where it decides that something was not."""
        reports = self._builds.reports(build)
        if all(_says_enough(stage, reports, jobs) for stage in build.stages):
            return reports
        return self._builds.reports_now(build)

    def _is_over_retention(self, build: Build) -> bool:
        return self._changes.count(keys.builds_prefix(build.repository)) > self._settings.retention_builds

    def _act(self, key: str, step: Step) -> None:
        """Carry out the actions. Until all could be, the build is looked at again, also where it has ended."""
        self._unsettled.add(key)
        for action in step.actions:
            again_s = self._actor.act(step.build, action)
            if again_s is not None:
                self._queue.add(key, again_s)
        self._unsettled.discard(key)


def _knows_all(build: Build, jobs: Iterable[str]) -> bool:
    """Whether each of these Jobs is of an attempt of the build."""
    return {attempt.job for stage in build.stages for attempt in stage.attempts}.issuperset(jobs)


def _says_enough(stage: Stage, reports: Reports, jobs: Mapping[str, JobState]) -> bool:
    """Whether a stage has ended, or its Job is there and well, so that its end will come in a report yet."""
    if not stage.attempts or stage.attempts[-1].status.finished:
        return True
    last = stage.attempts[-1]
    report, job = reports.get((stage.id, last.number)), jobs.get(last.job)
    if report is not None and report.status.final:
        return True
    if job is None:
        return not last.launched_at
    return job.phase in (JobPhase.WAITING, JobPhase.RUNNING) and not job.reason and not job.ends


def _is_worth_writing(old: Build, new: Build) -> bool:
    """Whether more has changed than the times that a pod takes to start, which go with the next change."""
    return old != new and _untimed(old) != _untimed(new)


def _untimed(build: Build) -> Build:
    return replace(
        build, stages=tuple(replace(stage, attempts=_without_times(stage.attempts)) for stage in build.stages)
    )


def _without_times(attempts: Iterable[Attempt]) -> tuple[Attempt, ...]:
    return tuple(replace(attempt, scheduled_at="", containers_started_at="") for attempt in attempts)
