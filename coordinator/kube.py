"""The launcher on Kubernetes: Jobs in the namespaces of pipelines, seen through watches that resume.

One API call a stage in the common case: the Job's manifest has everything. A Job that exists already under its name is
the one that was wanted, so that a repeated launch, also by another coordinator, does no harm.
"""

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
from coordinator.kube_watch import KubeWatch, Sink
from shared.errors import InfrastructureError, InputError
from shared.keys import LABEL_MANAGED, MANAGED_BY
from shared.ports import JobPhase, JobRef, JobState, LiveLog, Manifest

SELECTOR = f"{LABEL_MANAGED}={MANAGED_BY}"
LIVE_LOG_BYTES = 4 * 1024 * 1024
"""A kubelet keeps the newest 10 MiB of a log by default (containerLogMaxSize), and no offset says what is missing."""
TICK_S = 0.5
LISTED_S = 20
STRICT = {"fieldValidation": "Strict"}


class KubeLauncher:
    """Implements `shared.ports.Launcher` in `namespaces`, which are all in which it may have Jobs."""

    live_log = LiveLog(LIVE_LOG_BYTES, loses_returns=True)

    def __init__(self, namespaces: Collection[str], api: KubeApi | None = None) -> None:
        """Begins to watch. Raises InputError where no cluster is configured."""
        self._api = api or KubeApi()
        self._namespaces = tuple(sorted(set(namespaces)))
        self._jobs = KubeJobs()
        self._watches = [watch for namespace in self._namespaces for watch in self._watched(namespace)]
        self._events = KubeEvents(self._api, self._jobs)
        self._secrets: set[tuple[str, str]] = set()
        self._lock = Lock()

    def close(self) -> None:
        """Stop watching; what runs in the cluster goes on."""
        for watch in self._watches:
            watch.close()
        self._events.close()
        self._api.close()

    def launch(self, job: Manifest, secrets: Iterable[Manifest]) -> None:
        """Create the Job, and before the first one the build's Secret."""
        for secret in secrets:
            self._create_secret(secret)
        meta = job["metadata"]
        path = _jobs_path(meta["namespace"])
        try:
            self._jobs.put_job(self._api.call("POST", path, STRICT, job))
        except KubeError as error:
            if error.reason == "AlreadyExists":
                self._check_ours(JobRef(meta["namespace"], meta["name"]))
            else:
                raise _launch_error(error, meta["namespace"]) from error

    def jobs(self) -> tuple[JobState, ...]:
        """All Jobs, asked for anew."""
        with ThreadPoolExecutor(max(1, min(8, len(self._namespaces)))) as pool:
            tuple(pool.map(self._list, self._namespaces))
        states = (self._jobs.state(ref) for ref in self._jobs.refs())
        return tuple(state for state in states if state is not None)

    def watch(self, stop: Event) -> Iterator[JobState]:
        """Yield each Job's state when it differs from the one yielded last; a vanished Job once more, as GONE."""
        for watch in self._watches:
            watch.listed.wait(LISTED_S)
        seen: dict[JobRef, JobState] = {}
        with self._jobs.changes() as changed:
            for ref in self._jobs.refs():
                yield from self._news(ref, seen)
            while not stop.is_set():
                try:
                    ref = changed.get(timeout=TICK_S)
                except Empty:
                    continue
                yield from self._news(ref, seen)

    def cancel(self, job: JobRef) -> None:
        """Delete the Job in the foreground: its containers get SIGTERM and their grace, and it stays until they end."""
        self._delete(_jobs_path(job.namespace), job.name, "Foreground")

    def remove(self, job: JobRef) -> None:
        """Delete the Job and its pod."""
        self._delete(_jobs_path(job.namespace), job.name, "Background")

    def release(self, namespace: str, secret: str) -> None:
        """Delete a build's Secret."""
        with self._lock:
            self._secrets.discard((namespace, secret))
        self._delete(_secrets_path(namespace), secret, "Background")

    @contextmanager
    def follow(self, job: JobRef) -> Iterator[Iterator[bytes]]:
        """The stage container's output, byte for byte."""
        reader = KubeLog(self._api, self._jobs, job)
        try:
            yield reader.chunks()
        finally:
            reader.close()

    def _watched(self, namespace: str) -> Iterator[KubeWatch]:
        jobs, pods, into = _jobs_path(namespace), _pods_path(namespace), self._jobs
        yield KubeWatch(
            self._api, jobs, SELECTOR, Sink(partial(into.replace_jobs, namespace), into.put_job, into.drop_job)
        )
        yield KubeWatch(
            self._api, pods, SELECTOR, Sink(partial(into.replace_pods, namespace), into.put_pod, into.drop_pod)
        )

    def _list(self, namespace: str) -> None:
        query = {"labelSelector": SELECTOR}
        self._jobs.replace_jobs(namespace, self._api.call("GET", _jobs_path(namespace), query)["items"])
        self._jobs.replace_pods(namespace, self._api.call("GET", _pods_path(namespace), query)["items"])

    def _create_secret(self, secret: Manifest) -> None:
        namespace, name = secret["metadata"]["namespace"], secret["metadata"]["name"]
        with self._lock:
            if (namespace, name) in self._secrets:
                return
        try:
            self._api.call("POST", _secrets_path(namespace), STRICT, secret)
        except KubeError as error:
            if error.reason != "AlreadyExists":
                raise _launch_error(error, namespace) from error
        with self._lock:
            self._secrets.add((namespace, name))

    def _check_ours(self, ref: JobRef) -> None:
        """A Job of that name that our selector does not find is somebody else's."""
        if self._jobs.seen(ref) is None:
            self._list(ref.namespace)
        if self._jobs.seen(ref) is None:
            raise InfrastructureError(f"there is a Job {ref.name!r} in {ref.namespace!r} that is not kontinuous' own")

    def _delete(self, path: str, name: str, propagation: str) -> None:
        try:
            self._api.call("DELETE", f"{path}/{name}", {"propagationPolicy": propagation})
        except KubeError as error:
            if error.status != 404:
                raise

    def _news(self, ref: JobRef, seen: dict[JobRef, JobState]) -> Iterator[JobState]:
        state, last = self._jobs.state(ref), seen.get(ref)
        if state is None and last is not None:
            del seen[ref]
            yield JobState(ref, last.build_key, JobPhase.GONE)
        elif state is not None and state != last:
            seen[ref] = state
            yield state


def _launch_error(error: KubeError, namespace: str) -> Exception:
    """Whose fault it is that something could not be created: waiting helps only for what is the infrastructure's."""
    match error.status:
        case 404:
            return InputError(f"there is no namespace {namespace!r} in the cluster: create it, or correct the pipeline")
        case 403 if "exceeded quota" in str(error) or "being terminated" in str(error):
            return InfrastructureError(str(error))
        case 403:
            return InfrastructureError(
                f"kontinuous may not run Jobs in the namespace {namespace!r}: apply deploy/pipeline-namespace there "
                f"({error})"
            )
        case 422:
            return InputError(f"Kubernetes refuses the Job: {error}")
        case _:
            return InfrastructureError(f"Kubernetes does not take the Job: {error}")


def _jobs_path(namespace: str) -> str:
    return f"/apis/batch/v1/namespaces/{namespace}/jobs"


def _pods_path(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/pods"


def _secrets_path(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/secrets"
