"""The Jobs as last seen, kept by the launcher's watch and corrected by each full listing."""

import threading
from collections.abc import Iterable
from datetime import datetime

from shared.ports import JobPhase, JobRef, JobState


class JobCache:
    """Job states by name. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[str, JobState] = {}
        self._put_during_listing: set[str] = set()
        self._listed_at: datetime | None = None

    @property
    def listed_at(self) -> datetime | None:
        """When the newest full listing began: a Job that was launched before and is not here is not there."""
        return self._listed_at

    def put(self, state: JobState) -> None:
        """Take in one Job's state."""
        with self._lock:
            self._jobs[state.ref.name] = state
            self._put_during_listing.add(state.ref.name)

    def begin_listing(self) -> None:
        """Say that all Jobs are about to be listed: what is put from now on is newer than the listing."""
        with self._lock:
            self._put_during_listing.clear()

    def replace(self, states: Iterable[JobState], listed_at: datetime) -> None:
        """Take in a full listing that began at `listed_at`, right after `begin_listing`.

        What it lacks is unknown from now on, but for what a watch has put meanwhile or knows as GONE.
        """
        fresh = {state.ref.name: state for state in states}
        with self._lock:
            kept = {
                name: state
                for name, state in self._jobs.items()
                if name in self._put_during_listing or (name not in fresh and state.phase is JobPhase.GONE)
            }
            self._jobs = {**fresh, **kept}
            self._put_during_listing.clear()
            self._listed_at = listed_at

    def forget(self, job: JobRef) -> None:
        """Drop a Job that is no more, and that nobody asks for any more."""
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
