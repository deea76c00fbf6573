"""The life of one pod in the engine: started container by container, looked at, ended, removed.

Whatever a later launcher must know is in the engine: the containers, the pod's record, and the verdict where we ended
it. Here are only caches of that, and what a pod without containers waits for.
"""

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import replace
from datetime import datetime
from threading import Event, RLock, Thread, Timer
from typing import Any

from local.pod_engine import EngineError, PodEngine
from local.pod_make import sweep, write_record
from local.pod_names import LABEL_VERDICT, PodNames
from local.pod_plan import ContainerRecord, PodRecord
from local.pod_state import ContainerSight, Verdict, Waiting, job_state, killed_without_a_word, sight_of
from shared.codec import encode
from shared.ports import JobPhase, JobRef, JobState

log = logging.getLogger(__name__)

HOOK_OUTPUT_CHARACTERS = 500
OOM_WORD_S = 1.5
"""How long after a container's end, to the second, an engine may still tell that it ran out of memory."""


class Pod:
    """One pod. `ring` is called with its Job when something happened to it that the engine does not tell."""

    def __init__(self, engine: PodEngine, names: PodNames, record: PodRecord, ring: Callable[[JobRef], None]) -> None:
        self.names = names
        self.record = record
        self.halted = Event()
        """Set when nothing may be started any more: the pod was ended or removed, or the launcher closes."""
        self.lock = RLock()
        """Held while containers are made, started or removed, so that none of these overlap."""
        self._engine = engine
        self._ring = ring
        self._waiting: Waiting | None = Waiting()
        self._verdict: Verdict | None = None
        self._ended: dict[str, ContainerSight] = {}
        self._deadline: Timer | None = None

    def changed(self) -> None:
        """Tell whoever listens to look at the pod again."""
        self._ring(self.names.ref)

    def state(self) -> JobState:
        """How the pod is now."""
        # The order matters: containers are made before `waiting` ends, and end after a verdict was given.
        waiting = self._waiting
        sights = {container.name: self.look(container.name) for container in self.record.containers}
        return job_state(self.record, sights, self._verdict, waiting)

    def look(self, name: str) -> ContainerSight | None:
        """A container as it is now, by its name in the pod; None where the engine has none."""
        if name in self._ended:
            return self._ended[name]
        inspected = self._engine.inspect(self.names.container(name))
        sight = None if inspected is None else self._read(inspected)
        if sight is not None and sight.end is not None:
            self._ended[name] = sight
        return sight

    def _read(self, inspected: Mapping[str, Any]) -> ContainerSight:
        sight = sight_of(inspected)
        if not killed_without_a_word(inspected):
            return sight
        ended_at = datetime.fromisoformat(inspected["State"]["FinishedAt"][:19] + "+00:00").timestamp()
        out_of_memory = self._engine.ran_out_of_memory(inspected["Id"], ended_at, OOM_WORD_S)
        return replace(sight, oom_killed=out_of_memory)

    def wait_for(self, waiting: Waiting) -> None:
        """Say what the pod waits for before it has containers."""
        self._waiting = waiting
        self.changed()

    def made(self, verdict: Verdict | None = None) -> None:
        """The pod is whole in the engine, `verdict` included where there is one; its time runs."""
        self._waiting = None
        self._verdict = verdict
        if verdict is not None:
            self.halted.set()

    def run_deadline(self) -> None:
        """End the pod when its time is over, which may be now."""
        if self.record.ends_at:
            text = f"the Job ran longer than its limit of {self.record.limit_s} s"
            verdict = Verdict("DeadlineExceeded", text, permanent=True)
            self._deadline = Timer(max(0.0, self.record.ends_at - time.time()), self.end, [verdict])
            self._deadline.daemon = True
            self._deadline.start()

    def start(self) -> None:
        """Start the containers that have not been, in order, each after the hook of the one before it has ended."""
        for container in self.record.containers:
            if not self._start(container.name) or not self._run_hook(container):
                return

    def end(self, verdict: Verdict) -> None:
        """Tell all containers to stop, for the reason that `verdict` gives, and start no more. Does not wait for them.

        A pod that has ended, or was ended before, stays as it is.
        """
        with self.lock:
            if self._verdict is not None or self.state().phase in (JobPhase.FINISHED, JobPhase.GONE):
                return
            self.halted.set()
            self._keep(verdict)
            self._verdict = verdict
        self.changed()
        self.stop_containers()

    def stop_containers(self) -> None:
        """SIGTERM to all containers at once, SIGKILL after the grace period; does not wait."""
        for container in self.record.containers:
            Thread(target=self._stop, args=[container.name], daemon=True).start()

    def remove(self, pool: Executor) -> None:
        """Remove the pod from the engine, running or not."""
        self.close()
        with self.lock:
            sweep(self._engine, pool, self.names)
            self._waiting = None
        self.changed()

    def close(self) -> None:
        """Let go of the pod without touching it in the engine."""
        self.halted.set()
        if self._deadline is not None:
            self._deadline.cancel()

    def _start(self, name: str) -> bool:
        with self.lock:
            if self.halted.is_set():
                return False
            sight = self.look(name)
            if sight is not None and sight.status == "created" and not sight.error:
                self._start_new(name)
        self.changed()
        return True

    def _start_new(self, name: str) -> None:
        try:
            self._engine.start(self.names.container(name))
        except EngineError as error:
            if not error.status:
                raise
            # The engine keeps the error with the container, where `look` finds it.
            log.info("container %s of %s could not be started: %s", name, self.record.name, error)

    def _run_hook(self, container: ContainerRecord) -> bool:
        """Run a container's hook; after a restart of the launcher it may run a second time, as on a cluster."""
        if not container.hook or container.name in self._ended or self._next_was_started(container):
            return True
        try:
            code, output = self._engine.execute(self.names.container(container.name), container.hook)
        except EngineError as error:
            if not error.status:
                raise
            code, output = -1, str(error)
        if code == 0:
            return True
        text = f"the postStart hook of container {container.name} failed with exit code {code}"
        tail = output[-HOOK_OUTPUT_CHARACTERS:]
        self.end(Verdict("FailedPostStartHook", f"{text}: {tail}" if tail else text, permanent=True))
        return False

    def _next_was_started(self, container: ContainerRecord) -> bool:
        following = self.record.containers[self.record.containers.index(container) + 1 :]
        sight = self.look(following[0].name) if following else None
        return sight is not None and sight.status != "created"

    def _stop(self, name: str) -> None:
        try:
            self._engine.stop(self.names.container(name), self.record.grace_s)
        except EngineError as error:
            log.warning("container %s of %s could not be stopped: %s", name, self.record.name, error)

    def _keep(self, verdict: Verdict) -> None:
        """Write the verdict to the engine; where that fails, this process still knows it."""
        try:
            write_record(self._engine, self.names, self.record)
            labels = {**self.names.labels, LABEL_VERDICT: encode(verdict).decode()}
            self._engine.create_volume(self.names.verdict, labels)
        except EngineError as error:
            log.warning("the end of %s (%s) could not be recorded: %s", self.record.name, verdict.reason, error)
