"""What an image is proven on: services of its own, and for each trial a Job on a real Docker engine."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Event, Thread

from coordinator.build_secret import credential_files, secret_manifest
from coordinator.settings import Settings
from local.conformance.job import NAMESPACE, SECRET, SECRET_KEY, STAGE_ID, Subject, build_of, job_of
from local.conformance.trial import UNFINISHED, Situation, Trial, as_object
from local.containers import container_name
from local.docker_launcher import DockerLauncher
from local.engine import Engine, engine_errors
from local.pod_engine import EngineError
from shared import keys
from shared.codec import encode
from shared.errors import InputError, ObjectMissing
from shared.ports import JobPhase, JobRef, JobState
from shared.stage_contract import StageReport
from shared.status import ReportStatus
from shared.store_ports import KeyValue, ObjectStore

LIMIT_S = 180.0
PATIENCE_S = 4
LOOK_EVERY_S = 0.1
_OTHER = encode(StageReport(ReportStatus.RUNNING, "another-pod"))
"""The report of the pod that has the attempt already."""


@dataclass(frozen=True, slots=True)
class Rig:
    """The parts, all up."""

    engine: Engine
    instance: str
    settings: Settings
    kv: KeyValue
    objects: ObjectStore
    launcher: DockerLauncher
    secret: bytes

    @property
    def hidden(self) -> tuple[bytes, ...]:
        """The values that no log and no report may show: the user's, and our own passwords."""
        own = credential_files(self.settings)
        names = (keys.ETCD_PASSWORD, keys.S3_SECRET_KEY, keys.REGISTRY_PASSWORD, keys.GIT_PASSWORD)
        return (self.secret, *(own[name].encode() for name in names if name in own))

    def run(self, subject: Subject, number: int, situation: Situation) -> Trial:
        """Run the image once, as the only attempt of build `number`."""
        settings = replace(self.settings, patience_s=PATIENCE_S)
        build = build_of(subject, number)
        manifest = job_of(build, settings, situation)
        self.launcher.put_secret(NAMESPACE, SECRET, {SECRET_KEY: self.secret})
        place = (build.repository, number, STAGE_ID, 1)
        key, prefix = keys.report_key(*place), keys.attempt_prefix(*place)
        if situation.taken:
            self.kv.create(key, _OTHER)
        ref = JobRef(NAMESPACE, build.stages[0].attempts[0].job)
        secret = secret_manifest(build, settings, credential_files(settings))
        with self._silenced(situation.silent), self._reports(keys.reports_prefix(*place[:2])) as reports:
            try:
                self.launcher.launch(manifest, [secret])
                stdout, state, stopped_s = self._watched(ref, reports, situation)
            finally:
                self.launcher.remove(ref)
            newest = self.kv.get(key)
            self._wait(lambda: newest is None or newest.value in reports[-1:])
        return Trial(
            exit_code=state.ends[keys.STAGE_CONTAINER].exit_code if keys.STAGE_CONTAINER in state.ends else None,
            stdout=stdout,
            reports=tuple(data for data in reports if data != _OTHER),
            archive=self._archive(keys.log_archive(keys.log_prefix(*place))),
            objects=tuple(item.key for item in self.objects.list(prefix)),
            stopped_within_s=stopped_s,
        )

    def _watched(self, ref: JobRef, reports: list[bytes], situation: Situation) -> tuple[bytes, JobState, float | None]:
        """Follow a Job to its end; returns its stdout, its last state, and how long it took to stop."""
        output: list[bytes] = []
        problems: list[EngineError] = []
        reader = Thread(target=self._follow, args=(ref, output, problems), name="stdout", daemon=True)
        reader.start()
        stopped_s = self._stopped(ref, reports) if situation.stopped else None
        if not self._wait(lambda: self._ended(ref)):
            self.launcher.cancel(ref)
            self._wait(lambda: self._ended(ref))
        reader.join(LIMIT_S)
        if problems:
            raise problems[0]
        return b"".join(output), self._state(ref), stopped_s

    def _stopped(self, ref: JobRef, reports: list[bytes]) -> float | None:
        self._wait(lambda: bool(reports) or self._ended(ref))
        if self._ended(ref) or as_object(reports[-1]).get("status") != UNFINISHED:
            return None
        began = time.monotonic()
        self.launcher.cancel(ref)
        self._wait(lambda: self._ended(ref))
        return time.monotonic() - began

    def _follow(self, ref: JobRef, output: list[bytes], problems: list[EngineError]) -> None:
        try:
            with self.launcher.follow(ref) as stream:
                output.extend(stream)
        except EngineError as error:  # a trial that is interrupted takes the container away under its reader
            problems.append(error)

    def _state(self, ref: JobRef) -> JobState:
        return next(state for state in self.launcher.jobs() if state.ref == ref)

    def _ended(self, ref: JobRef) -> bool:
        state = self._state(ref)
        if state.phase is JobPhase.WAITING and state.reason:
            raise InputError(f"the image cannot be run: {state.message or state.reason}")
        return state.phase in (JobPhase.FINISHED, JobPhase.GONE)

    def _wait(self, done: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + LIMIT_S
        while not done():
            if time.monotonic() > deadline:
                return False
            time.sleep(LOOK_EVERY_S)
        return True

    def _archive(self, key: str) -> bytes | None:
        try:
            return b"".join(self.objects.read(key))
        except ObjectMissing:
            return None

    @contextmanager
    def _reports(self, prefix: str) -> Iterator[list[bytes]]:
        """All values that are written below a prefix meanwhile, and what is there before."""
        seen: list[bytes] = []
        stop = Event()

        def watch() -> None:
            seen.extend(change.value for change in self.kv.watch(prefix, stop) if change.value is not None)

        watcher = Thread(target=watch, name="reports", daemon=True)
        watcher.start()
        try:
            yield seen
        finally:
            stop.set()
            watcher.join(LIMIT_S)

    @contextmanager
    def _silenced(self, service: str) -> Iterator[None]:
        """A service that takes connections and answers nothing, as long as this lasts; "": none."""
        if not service:
            yield
            return
        name = container_name(self.instance, service)
        with engine_errors(f"halt {name}"), self.engine.client() as client:
            client.api.pause(name)
            try:
                yield
            finally:
                client.api.unpause(name)
