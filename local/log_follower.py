"""Following the log of a pod's stage container, from before its start to its end."""

from collections.abc import Iterator
from contextlib import closing
from queue import Empty, SimpleQueue
from threading import Event

from local.pod_engine import EngineStream, PodEngine
from local.pod_log import StdoutReader
from local.pod_run import Pod
from local.signals import Signals
from shared.errors import InfrastructureError
from shared.keys import STAGE_CONTAINER
from shared.ports import JobPhase, JobRef

_TICK_S = 0.5


class LogFollower:
    """Reads one log. One thread iterates; any thread may close it."""

    def __init__(self, engine: PodEngine, pod: Pod, signals: "Signals[JobRef | None]") -> None:
        self._engine = engine
        self._pod = pod
        self._signals = signals
        self._closed = Event()
        self._stream: EngineStream | None = None

    def chunks(self) -> Iterator[bytes]:
        """The log's bytes as they come, until the container has ended or the follower is closed."""
        if not self._wait_for_start():
            return
        reader = StdoutReader()
        yield from self._read(reader, follow=True)
        yield from self._read(reader, follow=False)  # the last messages, should the engine have ended too early

    def close(self) -> None:
        """Stop following, also under a thread that waits for the next byte."""
        self._closed.set()
        if self._stream is not None:
            self._stream.close()

    def _read(self, reader: StdoutReader, follow: bool) -> Iterator[bytes]:
        stream = self._engine.log(self._pod.names.container(STAGE_CONTAINER), follow, reader.since)
        self._stream = stream
        if stream is None:
            return
        with closing(stream):
            try:
                yield from () if self._closed.is_set() else reader.read(stream)
            except InfrastructureError:
                if not self._closed.is_set():
                    raise

    def _wait_for_start(self) -> bool:
        """Wait until there is a log to read; False where there will be none."""
        with self._signals.subscribe() as changed:
            while not self._closed.is_set():
                # In this order: it may start and end between the two looks, and then there is a log.
                over = self._pod.state().phase in (JobPhase.FINISHED, JobPhase.GONE)
                sight = self._pod.look(STAGE_CONTAINER)
                if sight is not None and sight.status != "created":
                    return True
                if over:
                    return False
                self._wait_for_change(changed)
        return False

    def _wait_for_change(self, changed: "SimpleQueue[JobRef | None]") -> None:
        while not self._closed.is_set():
            try:
                if changed.get(timeout=_TICK_S) in (None, self._pod.names.ref):
                    return
            except Empty:
                continue
