"""The launcher of the one-machine mode: the very Job manifests of a cluster, run on a Docker engine.

A Job becomes a pod of plain containers (`pod_translate`), made side by side (`pod_launch`, `pod_make`), started in
order with their postStart hooks (`pod_run`), and seen through the engine's events (`pod_events`). All that must
outlive this process is kept in the engine as labels: a new launcher of the same instance finds every pod, goes on
with those that were accepted, and clears away those that were half made. There must be only one launcher of an
instance at a time.

One thing differs from a cluster: the first container holds the network of the whole pod, so a container that is
started after the first has ended is a StartError.
"""

import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import Empty
from threading import Event, Lock

from local.image_pull import PATIENCE_S, ImagePuller, RegistryLogin
from local.log_follower import LogFollower
from local.pod_engine import EngineError, PodEngine
from local.pod_events import PodEvents
from local.pod_launch import PodLaunch
from local.pod_make import sweep
from local.pod_names import LABEL_RECORD, LABEL_VERDICT, PodNames, instance_filter, ref_of
from local.pod_plan import PodPlan, PodRecord
from local.pod_run import Pod
from local.pod_secrets import SecretMissing, SecretStore
from local.pod_state import Verdict
from local.pod_translate import Place, translate
from local.signals import Signals
from shared.codec import decode
from shared.errors import InfrastructureError, NotFound
from shared.ports import JobPhase, JobRef, JobState, LiveLog, Manifest

log = logging.getLogger(__name__)

_THREADS = 8
_TICK_S = 0.5
LOG_BYTES = 1 << 30  # what the containers' log driver keeps (local.pod_translate)


class DockerLauncher:
    """Implements `shared.ports.Launcher` on the engine at `engine_url`, for one `instance` on the Docker `network`."""

    unlisted = frozenset[str]()

    live_log = LiveLog(LOG_BYTES, loses_returns=False)

    def __init__(
        self,
        engine_url: str,
        network: str,
        instance: str,
        registry_login: RegistryLogin | None = None,
        pull_patience_s: float = PATIENCE_S,
    ) -> None:
        """Takes up the pods that an earlier launcher of this instance left. Raises InfrastructureError.

        `registry_login` is used for images of that registry only. `pull_patience_s`: how long an image is asked
        for while its registry does not answer.
        """
        self._engine = PodEngine(engine_url)
        self._place = Place(instance, network, self._engine.cpus())
        self._secrets = SecretStore()
        self._signals: Signals[JobRef | None] = Signals()
        self._pods: dict[JobRef, Pod] = {}
        self._half_made: set[JobRef] = set()
        self._lock = Lock()
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="pods")
        self._events = PodEvents(self._engine, instance, self._signals.publish)
        puller = ImagePuller(self._engine, registry_login, pull_patience_s)
        self._launch = PodLaunch(self._engine, self._pool, puller, self._secrets, self._events)
        self._recover()
        self._events.start()

    def close(self) -> None:
        """Stop watching and starting; what runs in the engine goes on."""
        self._events.stop()
        for pod in self._all():
            pod.close()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._engine.close()

    def put_secret(self, namespace: str, name: str, data: Mapping[str, bytes]) -> None:
        """Give Jobs of a namespace a Secret that they may mount by name; kept in memory only."""
        self._secrets.put(namespace, name, data)

    def read_secret(self, namespace: str, name: str) -> Mapping[str, bytes]:
        """A Secret that was given; raises NotFound."""
        try:
            return self._secrets.read(namespace, name)
        except SecretMissing as error:
            raise NotFound(str(error)) from error

    def launch(self, job: Manifest, secrets: Iterable[Manifest]) -> None:
        """Make the pod, and start it from another thread; where an image must be pulled first, make it there too."""
        plan = translate(job, self._place, time.time())
        pod = self._admit(plan)
        if pod is None:
            return
        try:
            self._clear_half_made(pod)
            self._launch.make(pod, plan, secrets)
        except EngineError:
            with self._lock:
                del self._pods[pod.names.ref]
                self._half_made.add(pod.names.ref)
            raise

    def jobs(self) -> tuple[JobState, ...]:
        """All Jobs of this instance."""
        return tuple(self._pool.map(Pod.state, self._all()))

    def watch(self, stop: Event) -> Iterator[JobState]:
        """Yield each Job's state when it differs from the one yielded last; a removed Job once more, as GONE."""
        seen: dict[JobRef, JobState] = {}
        with self._signals.subscribe() as changed:
            yield from self._news(None, seen)
            while not stop.is_set():
                try:
                    ref = changed.get(timeout=_TICK_S)
                except Empty:
                    continue
                yield from self._news(ref, seen)

    def cancel(self, job: JobRef) -> None:
        """Stop all containers of a Job, from another thread; those not started yet never will be."""
        pod = self._pods.get(job)
        if pod is not None:
            verdict = Verdict("Cancelled", "the Job was cancelled", permanent=True)
            self._launch.in_background(pod, lambda: pod.end(verdict))

    def remove(self, job: JobRef) -> None:
        """Remove the Job's containers and volumes."""
        with self._lock:
            pod = self._pods.get(job)
        if pod is None:
            return
        pod.remove(self._pool)
        with self._lock:
            self._pods.pop(job, None)
        self._signals.publish(job)

    def release(self, namespace: str, secret: str) -> None:
        """Nothing: a pod's Secrets are in its volumes, and go with it."""

    @contextmanager
    def follow(self, job: JobRef) -> Iterator[Iterator[bytes]]:
        """The stage container's stdout, byte for byte."""
        pod = self._pods.get(job)
        if pod is None:
            yield iter(())
            return
        follower = LogFollower(self._engine, pod, self._signals)
        try:
            yield follower.chunks()
        finally:
            follower.close()

    def _all(self) -> tuple[Pod, ...]:
        with self._lock:
            return tuple(self._pods.values())

    def _pod(self, record: PodRecord) -> Pod:
        names = PodNames(self._place.instance, JobRef(record.namespace, record.name))
        return Pod(self._engine, names, record, self._signals.publish)

    def _admit(self, plan: PodPlan) -> Pod | None:
        """Enter a new pod; None where its Job has been launched before."""
        pod = self._pod(plan.record)
        with self._lock:
            if pod.names.ref in self._pods:
                return None
            twin = next((ref for ref in self._pods if ref.name == pod.names.ref.name), None)
            if twin is not None:
                raise InfrastructureError(f"there is a Job {twin.name!r} already, in namespace {twin.namespace!r}")
            self._pods[pod.names.ref] = pod
        return pod

    def _clear_half_made(self, pod: Pod) -> None:
        """Remove what a launch of this Job left behind that the engine did not see through."""
        if pod.names.ref in self._half_made:
            sweep(self._engine, self._pool, pod.names)
            self._half_made.discard(pod.names.ref)

    def _news(self, ref: JobRef | None, seen: dict[JobRef, JobState]) -> Iterator[JobState]:
        """What is new about one Job, or about all; `seen` is brought up to date."""
        for each in [ref] if ref is not None else list({**seen, **self._pods}):
            try:
                state = self._state(each, seen.get(each))
            except EngineError as error:
                log.info("the state of %s is not known: %s", each.name, error)
                continue  # all are looked at again as soon as the engine answers
            if state is None or state == seen.get(each):
                continue
            seen[each] = state
            yield state
            if each not in self._pods:
                del seen[each]

    def _state(self, ref: JobRef, last: JobState | None) -> JobState | None:
        pod = self._pods.get(ref)
        if pod is not None:
            return pod.state()
        return None if last is None else JobState(ref, last.build_key, JobPhase.GONE)

    def _recover(self) -> None:
        labels = instance_filter(self._place.instance)
        volumes = [volume["Labels"] for volume in self._engine.volumes(labels)]
        records = {ref_of(v): decode(PodRecord, v[LABEL_RECORD]) for v in volumes if LABEL_RECORD in v}
        verdicts = {ref_of(v): decode(Verdict, v[LABEL_VERDICT]) for v in volumes if LABEL_VERDICT in v}
        seen = {ref_of(v) for v in volumes} | {ref_of(c["Labels"]) for c in self._engine.containers(labels)}
        for ref in seen - records.keys():
            sweep(self._engine, self._pool, PodNames(self._place.instance, ref))
        for ref, record in records.items():
            self._take_up(self._pod(record), verdicts.get(ref))

    def _take_up(self, pod: Pod, verdict: Verdict | None) -> None:
        self._pods[pod.names.ref] = pod
        pod.made(verdict)
        pod.run_deadline()
        self._launch.in_background(pod, pod.start if verdict is None else pod.stop_containers)
