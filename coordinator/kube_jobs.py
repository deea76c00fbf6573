"""The Jobs as the watches show them, with what is known of each from its pod and its events. Thread-safe."""

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from queue import SimpleQueue
from typing import Any

from coordinator.kube_state import Seen, are_started, build_key_of, is_scheduled, job_state
from shared.clock import timestamp
from shared.ports import JobRef, JobState

Object = Mapping[str, Any]
Changes = SimpleQueue[JobRef]


class KubeJobs:
    """What is known of every Job. Who subscribes is told which Jobs changed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[JobRef, Seen] = {}
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
        return job_state(seen) if seen else None

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
        ref = ref_of(job)
        with self._lock:
            old = self._seen.get(ref) or Seen(ref, build_key_of(job))
            self._put(replace(old, job=job, build_key=build_key_of(job)))

    def drop_job(self, job: Object) -> None:
        """A Job is no more."""
        with self._lock:
            self._drop(ref_of(job))

    def put_pod(self, pod: Object) -> None:
        """Take in a pod as it is now; one whose Job is not there is passed over."""
        ref = owner_of(pod)
        with self._lock:
            old = self._seen.get(ref) if ref else None
            if old is None or _is_older(pod, old.pod):
                return
            now = timestamp()
            self._put(
                replace(
                    old,
                    pod=pod,
                    events=old.events if old.pod else (),
                    scheduled_at=old.scheduled_at or (now if is_scheduled(pod) else ""),
                    started_at=old.started_at or (now if are_started(pod) else ""),
                    pod_deleted=False,
                )
            )

    def drop_pod(self, pod: Object) -> None:
        """A pod is no more; how its containers ended is remembered."""
        ref = owner_of(pod)
        with self._lock:
            old = self._seen.get(ref) if ref else None
            if old is not None and not _is_older(pod, old.pod):
                self._put(replace(old, pod=pod, pod_deleted=True))

    def put_events(self, ref: JobRef, events: Iterable[Object], explained: bool) -> None:
        """Take in the events about a Job or its pod, in place of those that were known."""
        with self._lock:
            old = self._seen.get(ref)
            if old is not None:
                self._put(replace(old, events=tuple(events), explained=explained))

    def replace_jobs(self, namespace: str, jobs: Iterable[Object]) -> None:
        """Take in all Jobs of a namespace; those that are not among them are no more."""
        fresh = {ref_of(job): job for job in jobs}
        for job in fresh.values():
            self.put_job(job)
        with self._lock:
            for ref in [ref for ref in self._seen if ref.namespace == namespace and ref not in fresh]:
                self._drop(ref)

    def replace_pods(self, namespace: str, pods: Iterable[Object]) -> None:
        """Take in all pods of a namespace; those that are not among them are no more."""
        fresh = {pod["metadata"]["name"]: pod for pod in pods}
        for pod in fresh.values():
            self.put_pod(pod)
        with self._lock:
            known = [seen for ref, seen in self._seen.items() if ref.namespace == namespace and seen.pod]
            for seen in known:
                if seen.pod and not seen.pod_deleted and seen.pod["metadata"]["name"] not in fresh:
                    self._put(replace(seen, pod_deleted=True))

    def _put(self, seen: Seen) -> None:
        if self._seen.get(seen.ref) != seen:
            self._seen[seen.ref] = seen
            self._tell(seen.ref)

    def _drop(self, ref: JobRef) -> None:
        if self._seen.pop(ref, None) is not None:
            self._tell(ref)

    def _tell(self, ref: JobRef) -> None:
        for queue in self._subscribers:
            queue.put(ref)


def ref_of(job: Object) -> JobRef:
    """Which Job an object is."""
    return JobRef(job["metadata"]["namespace"], job["metadata"]["name"])


def owner_of(pod: Object) -> JobRef | None:
    """Which Job a pod belongs to."""
    owners = pod["metadata"].get("ownerReferences") or ()
    return next((JobRef(pod["metadata"]["namespace"], o["name"]) for o in owners if o["kind"] == "Job"), None)


def _is_older(pod: Object, known: Object | None) -> bool:
    """Whether another pod of the same Job is newer: there is one only where Kubernetes itself replaced it."""
    if known is None or known["metadata"]["uid"] == pod["metadata"]["uid"]:
        return False
    return bool(pod["metadata"]["creationTimestamp"] < known["metadata"]["creationTimestamp"])
