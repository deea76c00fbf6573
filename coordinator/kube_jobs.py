"""The Jobs as the watches show them, with what is known of each from its pod and its events. Thread-safe.

A Job and its pod arrive on different watches, and lists run beside them: what is older than what is known already is
passed over, by the API server's own version numbers.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from queue import SimpleQueue

from coordinator.kube_objects import (
    Object,
    build_key_of,
    containers_started_at,
    moment,
    owner_of,
    ref_of,
    scheduled_at,
    slim,
    version_of,
)
from coordinator.kube_state import Seen, job_state
from shared.clock import timestamp, utc_now
from shared.ports import JobRef, JobState

Changes = SimpleQueue[JobRef]

REMEMBERED = 10_000
"""Of so many Jobs it is known that they are no more: a list that is late must not bring them back."""
ALMOST_A_SECOND = timedelta(milliseconds=999)
EARLIEST = "2000"  # the start of a process that could not be started is told as 1970


class KubeJobs:
    """What is known of every Job. Who subscribes is told which Jobs changed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[JobRef, Seen] = {}
        self._orphans: dict[JobRef, Object] = {}  # pods that arrived before their Job
        self._gone: OrderedDict[str, None] = OrderedDict()
        self._subscribers: list[Changes] = []

    def refs(self) -> tuple[JobRef, ...]:
        """All Jobs that are there."""
        with self._lock:
            return tuple(self._seen)

    def seen(self, ref: JobRef) -> Seen | None:
        """What is known of one."""
        with self._lock:
            return self._seen.get(ref)

    def state(self, ref: JobRef) -> JobState | None:
        """What one is at; None where it is not there."""
        seen = self.seen(ref)
        return job_state(seen, utc_now()) if seen else None

    @contextmanager
    def changes(self) -> Iterator[Changes]:
        """A queue of the Jobs that change within the context."""
        queue: Changes = SimpleQueue()
        with self._lock:
            self._subscribers.append(queue)
        try:
            yield queue
        finally:
            with self._lock:
                self._subscribers.remove(queue)

    def put_job(self, job: Object) -> None:
        """Take in a Job as it is now."""
        ref, made = ref_of(job), slim(job)
        with self._lock:
            old = self._seen.get(ref)
            if job["metadata"]["uid"] in self._gone or (old and version_of(job) < version_of(old.job)):
                return
            self._put(replace(old, job=made) if old else Seen(ref, build_key_of(job), made))
            if (orphan := self._orphans.pop(ref, None)) is not None:
                self._put_pod(orphan, missing=False)

    def drop_job(self, job: Object) -> None:
        """A Job is no more."""
        with self._lock:
            self._drop(ref_of(job), job)

    def put_pod(self, pod: Object, missing: bool = False) -> None:
        """Take in a pod as it is now, or as it was last where it is no more."""
        made = slim(pod)
        with self._lock:
            self._put_pod(made, missing)

    def put_events(self, ref: JobRef, events: Iterable[Object], explained: bool) -> None:
        """Take in the events about a Job or its pod, in place of those that were known; the newest counts most."""
        newest_first = tuple(sorted(events, key=_event_time, reverse=True))
        with self._lock:
            old = self._seen.get(ref)
            if old is not None:
                self._put(replace(old, events=newest_first, explained=explained))

    def replace_jobs(self, namespace: str, jobs: Iterable[Object], version: int) -> None:
        """Take in all Jobs of a namespace at a version; those that are not among them are no more."""
        fresh = set()
        for job in jobs:
            fresh.add(ref_of(job))
            self.put_job(job)
        with self._lock:
            for ref, seen in list(self._seen.items()):
                if ref.namespace == namespace and ref not in fresh and version_of(seen.job) <= version:
                    self._drop(ref, seen.job)

    def replace_pods(self, namespace: str, pods: Iterable[Object], version: int) -> None:
        """Take in all pods of a namespace at a version; those that are not among them are no more."""
        names = set()
        for pod in pods:
            names.add(pod["metadata"]["name"])
            self.put_pod(pod)
        with self._lock:
            for ref, seen in list(self._seen.items()):
                if ref.namespace != namespace or seen.pod is None or seen.pod["metadata"]["name"] in names:
                    continue
                if version_of(seen.pod) <= version:
                    self._put(replace(seen, pod_missing=True))

    def _put_pod(self, pod: Object, missing: bool) -> None:
        owner = owner_of(pod)
        if owner is None or owner[1] in self._gone:
            return
        ref, uid = owner
        old = self._seen.get(ref)
        if old is None:
            self._orphans.pop(ref, None)
            if not missing:
                self._orphans[ref] = pod
            return
        if old.job["metadata"]["uid"] != uid or _is_older(pod, old.pod):
            return
        another = old.pod is None or old.pod["metadata"]["uid"] != pod["metadata"]["uid"]
        events = () if another else old.events
        made = replace(old, pod=pod, pod_missing=missing, events=events, explained=old.explained and not another)
        self._put(_with_times(made, pod))

    def _put(self, seen: Seen) -> None:
        old = self._seen.get(seen.ref)
        self._seen[seen.ref] = seen
        if old != seen:
            self._tell(seen.ref)

    def _drop(self, ref: JobRef, job: Object) -> None:
        self._gone[job["metadata"]["uid"]] = None
        while len(self._gone) > REMEMBERED:
            self._gone.popitem(last=False)
        self._orphans.pop(ref, None)
        old = self._seen.get(ref)
        if old is not None and old.job["metadata"]["uid"] == job["metadata"]["uid"]:
            del self._seen[ref]
            self._tell(ref)

    def _tell(self, ref: JobRef) -> None:
        for queue in self._subscribers:
            queue.put(ref)


def _with_times(seen: Seen, pod: Object) -> Seen:
    return replace(
        seen,
        scheduled_at=seen.scheduled_at or _finer(scheduled_at(pod)),
        started_at=seen.started_at or _finer(containers_started_at(pod)),
    )


def _finer(told: str) -> str:
    """Now, where it may be the moment that Kubernetes tells in whole seconds; else the nearest that it may be."""
    if told < EARLIEST:
        return ""
    second = moment(told)
    return timestamp(min(max(utc_now(), second), second + ALMOST_A_SECOND))


def _event_time(event: Object) -> str:
    series = event.get("series") or {}
    return str(series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime") or "")


def _is_older(pod: Object, known: Object | None) -> bool:
    """Whether it is an earlier state of the pod that is known, or of one that Kubernetes replaced by it."""
    if known is None:
        return False
    if known["metadata"]["uid"] == pod["metadata"]["uid"]:
        return version_of(pod) < version_of(known)
    return moment(pod["metadata"]["creationTimestamp"]) < moment(known["metadata"]["creationTimestamp"])
