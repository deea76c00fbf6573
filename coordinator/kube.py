"""The launcher on Kubernetes: Jobs in the namespaces of pipelines, seen through watches that resume.

One API call a stage in the common case: the Job's manifest has everything. A Job that exists already under its name is
the one that was wanted, so that a repeated launch, also by another coordinator, does no harm.
"""

import logging
import time
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from queue import Empty
from threading import Event, Lock

from coordinator.kube_api import KubeApi, KubeError
from coordinator.kube_events import KubeEvents
from coordinator.kube_jobs import KubeJobs
from coordinator.kube_log import KubeLog
from coordinator.kube_refusals import launch_error
from coordinator.kube_watch import KubeWatch, Sink
from shared.errors import InfrastructureError
from shared.keys import LABEL_MANAGED, MANAGED_BY
from shared.ports import JobPhase, JobRef, JobState, LiveLog, Manifest

SELECTOR = f"{LABEL_MANAGED}={MANAGED_BY}"
LIVE_LOG = LiveLog(reach=4 * 1024 * 1024, loses_returns=True, line_bytes=64)
"""A kubelet keeps the newest 10 MiB of a log by default (containerLogMaxSize), and no offset says what is missing.
On its disk each line begins with its time and its stream."""
TICK_S = 0.5
REVIEW_S = 5.0
"""How often all Jobs are looked at anew: a pod that its node does not end is lost by the clock alone."""
TRIED_S = 20
STRICT = {"fieldValidation": "Strict"}
REMEMBERED = 10_000
"""Of so many builds it is remembered that their Secret was created; to do so again is only a wasted call."""
REFUSED = (403, 404)
NOT_FOUND = 404

log = logging.getLogger(__name__)


class KubeLauncher:
    """Implements `shared.ports.Launcher` in `namespaces`, which are all in which it may have Jobs."""

    live_log = LIVE_LOG

    def __init__(self, namespaces: Collection[str], api: KubeApi | None = None) -> None:
        """Begins to watch. Raises InputError where no cluster is configured."""
        self._api = api or KubeApi()
        self._jobs = KubeJobs()
        self._watches = {watch: name for name in sorted(set(namespaces)) for watch in self._watched(name)}
        self._events = KubeEvents(self._api, self._jobs)
        self._secrets: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._lock = Lock()
        self.unlisted: frozenset[str] = frozenset()

    def close(self) -> None:
        """Stop watching; what runs in the cluster goes on."""
        for watch in self._watches:
            watch.close()
        self._events.close()
        self._api.close()

    def launch(self, job: Manifest, secrets: Iterable[Manifest]) -> None:
        """Create the Job, and before the first one the build's Secret. What is refused for good is an InputError."""
        for secret in secrets:
            self._create_secret(secret)
        ref = JobRef(job["metadata"]["namespace"], job["metadata"]["name"])
        try:
            self._jobs.put_job(self._api.call("POST", _jobs_path(ref.namespace), STRICT, job))
        except KubeError as error:
            if error.reason != "AlreadyExists":
                raise launch_error(error, ref.namespace) from error
            self._check_ours(ref)

    def jobs(self) -> tuple[JobState, ...]:
        """All Jobs, asked for anew. Of a namespace that may not be read, what was known of it."""
        with ThreadPoolExecutor(8, "list") as pool:
            listed = tuple(pool.map(_list, self._watches))
        names = zip(self._watches.values(), listed, strict=True)
        self.unlisted = frozenset(namespace for namespace, is_listed in names if not is_listed)
        states = (self._jobs.state(ref) for ref in self._jobs.refs())
        return tuple(state for state in states if state is not None)

    def watch(self, stop: Event) -> Iterator[JobState]:
        """Yield each Job's state when it differs from the one yielded last; a vanished Job once more, as GONE."""
        for watch in self._watches:
            watch.tried.wait(TRIED_S)
        seen: dict[JobRef, JobState] = {}
        reviewed_at = 0.0
        with self._jobs.changes() as changed:
            while not stop.is_set():
                if time.monotonic() >= reviewed_at + REVIEW_S:
                    reviewed_at = time.monotonic()
                    for ref in {*self._jobs.refs(), *seen}:
                        yield from self._news(ref, seen)
                try:
                    ref = changed.get(timeout=TICK_S)
                except Empty:
                    continue
                yield from self._news(ref, seen)

    def cancel(self, job: JobRef) -> None:
        """Delete the Job in the foreground: its containers get SIGTERM and their grace, and it stays until they end."""
        seen = self._jobs.seen(job)
        if seen is None or not seen.job["metadata"].get("deletionTimestamp"):  # else it has been told
            _delete(self._api, _jobs_path(job.namespace), job.name, "Foreground")

    def remove(self, job: JobRef) -> None:
        """Delete the Job and its pod."""
        _delete(self._api, _jobs_path(job.namespace), job.name, "Background")

    def release(self, namespace: str, secret: str) -> None:
        """Delete a build's Secret."""
        with self._lock:
            self._secrets.pop((namespace, secret), None)
        release_secret(self._api, namespace, secret)

    @contextmanager
    def follow(self, job: JobRef) -> Iterator[Iterator[bytes]]:
        """The stage container's output, byte for byte."""
        reader = KubeLog(self._api, self._jobs, job)
        try:
            yield reader.chunks()
        finally:
            reader.close()

    def _watched(self, namespace: str) -> Iterator[KubeWatch]:
        into = self._jobs
        jobs = Sink(partial(into.replace_jobs, namespace), into.put_job, into.drop_job)
        pods = Sink(partial(into.replace_pods, namespace), into.put_pod, partial(into.put_pod, missing=True))
        yield KubeWatch(self._api, _jobs_path(namespace), SELECTOR, jobs)
        yield KubeWatch(self._api, _pods_path(namespace), SELECTOR, pods)

    def _create_secret(self, secret: Manifest) -> None:
        namespace, name = secret["metadata"]["namespace"], secret["metadata"]["name"]
        with self._lock:
            if (namespace, name) in self._secrets:
                return
        try:
            self._api.call("POST", _secrets_path(namespace), STRICT, secret)
        except KubeError as error:
            if error.reason != "AlreadyExists":
                raise launch_error(error, namespace) from error
        with self._lock:
            self._secrets[namespace, name] = None
            while len(self._secrets) > REMEMBERED:
                self._secrets.popitem(last=False)

    def _check_ours(self, ref: JobRef) -> None:
        """A Job of that name that our selector does not find is somebody else's."""
        if self._jobs.seen(ref) is not None:
            return
        query = {"labelSelector": SELECTOR, "fieldSelector": f"metadata.name={ref.name}"}
        found, _ = self._api.list(_jobs_path(ref.namespace), query)
        for job in found:
            self._jobs.put_job(job)
            return
        raise InfrastructureError(f"there is a Job {ref.name!r} in {ref.namespace!r} that is not kontinuous' own")

    def _news(self, ref: JobRef, seen: dict[JobRef, JobState]) -> Iterator[JobState]:
        state, last = self._jobs.state(ref), seen.get(ref)
        if state is None and last is not None:
            del seen[ref]
            yield JobState(ref, last.build_key, JobPhase.GONE)
        elif state is not None and state != last:
            seen[ref] = state
            yield state


def release_secret(api: KubeApi, namespace: str, secret: str) -> None:
    """Delete a build's Secret; absent is fine.

    Where that is refused, as after a namespace went with our rights in it, the Secret is left: it holds up no build.
    """
    try:
        _delete(api, _secrets_path(namespace), secret, "Background")
    except KubeError as error:
        if error.status not in REFUSED:
            raise
        log.warning("the Secret %s/%s is left as it is: %s", namespace, secret, error)


def _delete(api: KubeApi, path: str, name: str, propagation: str) -> None:
    try:
        api.call("DELETE", f"{path}/{name}", {"propagationPolicy": propagation})
    except KubeError as error:
        if error.status != NOT_FOUND:
            raise


def _list(watch: KubeWatch) -> bool:
    """Ask one namespace anew; returns whether it could be had. One that is not there or that we have no right to is no
    reason to give up the others."""
    try:
        watch.list()
    except KubeError as error:
        if error.status not in REFUSED:
            raise
        return False
    return True


def _jobs_path(namespace: str) -> str:
    return f"/apis/batch/v1/namespaces/{namespace}/jobs"


def _pods_path(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/pods"


def _secrets_path(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/secrets"
