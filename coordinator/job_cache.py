"""The Jobs as last seen, kept by the launcher's watch and corrected by each full listing."""

import threading
from collections.abc import Iterable

from shared.ports import JobPhase, JobRef, JobState


class JobCache:
    """Job states by name. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[str, JobState] = {}
        self._complete = False

    @property
    def complete(self) -> bool:
        """True once all Jobs were listed, so that one that is not here is not there."""
        return self._complete

    def put(self, state: JobState) -> None:
        """Take in one Job's state."""
        with self._lock:
            self._jobs[state.ref.name] = state

    def replace(self, states: Iterable[JobState]) -> None:
        """Take in a full listing. What it lacks stays known as GONE only where a watch said so; else it is unknown."""
        fresh = {state.ref.name: state for state in states}
        with self._lock:
            gone = {name: state for name, state in self._jobs.items() if state.phase is JobPhase.GONE}
            self._jobs = {**gone, **fresh}
            self._complete = True

    def forget(self, job: JobRef) -> None:
        """Drop a Job that was removed on purpose."""
        with self._lock:
            self._jobs.pop(job.name, None)

    def of_build(self, build_key: str) -> dict[str, JobState]:
        """The Jobs of one build, by name."""
        with self._lock:
            return {name: state for name, state in self._jobs.items() if state.build_key == build_key}

    def build_keys(self) -> frozenset[str]:
        """The builds that have Jobs."""
        with self._lock:
            return frozenset(state.build_key for state in self._jobs.values())
