"""A launcher in memory for the coordinator's tests: the test says what becomes of each Job."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from threading import Condition, Event

from shared.keys import ANNOTATION_BUILD_KEY, STAGE_CONTAINER
from shared.ports import ContainerEnd, JobPhase, JobRef, JobState, LiveLog, Manifest

COMPLETED: Mapping[str, ContainerEnd] = {STAGE_CONTAINER: ContainerEnd(0, "Completed")}


class FakeLauncher:
    """Implements `shared.ports.Launcher`. A Job waits until the test runs it, and runs until the test ends it.

    Launching a Job again is fine, as with the real ones; running one twice, or ending it twice, is a bug in whoever
    did it and raises AssertionError. `launches` counts the calls of `launch`, `manifests` and `secrets` hold what
    came with the first one of each Job, `cancelled` the Jobs that were told to stop, `released` the Secrets that
    are not needed any more. Set `failure` to an error, and
    every call raises it.
    """

    live_log = LiveLog(1 << 30, loses_returns=False)

    def __init__(self) -> None:
        self.launches: list[JobRef] = []
        self.manifests: dict[JobRef, Manifest] = {}
        self.secrets: dict[JobRef, tuple[Manifest, ...]] = {}
        self.cancelled: list[JobRef] = []
        self.released: list[tuple[str, str]] = []
        self.failure: Exception | None = None
        self.unlisted: frozenset[str] = frozenset()
        self._states: dict[JobRef, JobState] = {}
        self._logs: dict[JobRef, bytearray] = {}
        self._changed = Condition()

    def launch(self, job: Manifest, secrets: Iterable[Manifest]) -> None:
        """Take in a Job; it waits."""
        self._fail()
        meta = job["metadata"]
        ref = JobRef(meta["namespace"], meta["name"])
        with self._changed:
            self.launches.append(ref)
            if ref in self._states:
                return
            self.manifests[ref] = job
            self.secrets[ref] = tuple(secrets)
            self._logs[ref] = bytearray()
            build_key = meta.get("annotations", {}).get(ANNOTATION_BUILD_KEY, "")
            self._set(JobState(ref, build_key, JobPhase.WAITING))

    def jobs(self) -> tuple[JobState, ...]:
        """All Jobs that were not removed."""
        self._fail()
        with self._changed:
            return tuple(self._states.values())

    def watch(self, stop: Event) -> Iterator[JobState]:
        """Yield what changes."""
        self._fail()
        seen: dict[JobRef, JobState] = {}
        while not stop.is_set():
            for state in self._news(seen):
                seen[state.ref] = state
                yield state

    def cancel(self, job: JobRef) -> None:
        """Note that the Job was told to stop; it stops when the test says so."""
        self._fail()
        with self._changed:
            if job in self._states:
                self.cancelled.append(job)
                self._changed.notify_all()

    def remove(self, job: JobRef) -> None:
        """Forget the Job."""
        self._fail()
        with self._changed:
            self._states.pop(job, None)
            self._changed.notify_all()

    def release(self, namespace: str, secret: str) -> None:
        """Note that a build's Secret is not needed any more."""
        self._fail()
        with self._changed:
            self.released.append((namespace, secret))

    @contextmanager
    def follow(self, job: JobRef) -> Iterator[Iterator[bytes]]:
        """What the test wrote, and will write until the Job ends."""
        self._fail()
        left = Event()
        try:
            yield self._chunks(job, left)
        finally:
            left.set()
            with self._changed:
                self._changed.notify_all()

    def run(self, job: JobRef) -> None:
        """Let a waiting Job start."""
        with self._changed:
            state = self._states[job]
            assert state.phase is JobPhase.WAITING, f"{job.name} is run a second time: it is {state.phase}"
            self._set(replace(state, phase=JobPhase.RUNNING, reason="", message="", permanent=False))

    def write(self, job: JobRef, data: bytes) -> None:
        """Let the stage container write to its stdout."""
        with self._changed:
            self._logs[job] += data
            self._changed.notify_all()

    def end_container(self, job: JobRef, container: str, end: ContainerEnd) -> None:
        """Let one container end while the others go on."""
        with self._changed:
            state = self._states[job]
            self._set(replace(state, ends={**state.ends, container: end}))

    def finish(self, job: JobRef, ends: Mapping[str, ContainerEnd] = COMPLETED) -> None:
        """Let a Job, running or waiting, end with these ends of its containers."""
        with self._changed:
            state = self._states[job]
            assert state.phase in (JobPhase.WAITING, JobPhase.RUNNING), f"{job.name} is ended a second time"
            self._set(replace(state, phase=JobPhase.FINISHED, ends={**state.ends, **ends}))

    def trouble(self, job: JobRef, reason: str, message: str = "", permanent: bool = False) -> None:
        """Let something ail a Job, in the phase that it is in."""
        with self._changed:
            self._set(replace(self._states[job], reason=reason, message=message, permanent=permanent))

    def schedule(self, job: JobRef, scheduled_at: str) -> None:
        """Let a Job get a node."""
        with self._changed:
            self._set(replace(self._states[job], scheduled_at=scheduled_at))

    def vanish(self, job: JobRef) -> None:
        """Let somebody remove the Job behind our back: it is known, and gone."""
        with self._changed:
            self._set(replace(self._states[job], phase=JobPhase.GONE))

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure

    def _set(self, state: JobState) -> None:
        self._states[state.ref] = state
        self._changed.notify_all()

    def _news(self, seen: dict[JobRef, JobState]) -> list[JobState]:
        """What differs from `seen`, after waiting a moment for it."""
        with self._changed:
            self._changed.wait_for(lambda: self._differing(seen), timeout=0.1)
            return self._differing(seen)

    def _differing(self, seen: dict[JobRef, JobState]) -> list[JobState]:
        gone = [replace(s, phase=JobPhase.GONE) for ref, s in seen.items() if ref not in self._states]
        return [state for state in (*self._states.values(), *gone) if seen.get(state.ref) != state]

    def _chunks(self, job: JobRef, left: Event) -> Iterator[bytes]:
        position = 0
        while data := self._read(job, position, left):
            position += len(data)
            yield data

    def _read(self, job: JobRef, position: int, left: Event) -> bytes:
        """What was written after `position`, waiting for it; nothing at the Job's end or when the reader has left."""
        with self._changed:
            log = self._logs.get(job, bytearray())
            self._changed.wait_for(lambda: left.is_set() or self._is_over(job) or len(log) > position)
            return b"" if left.is_set() else bytes(log[position:])

    def _is_over(self, job: JobRef) -> bool:
        state = self._states.get(job)
        return state is None or state.phase in (JobPhase.FINISHED, JobPhase.GONE)
