"""The engine's events as a bell: which Job to look at again. It survives restarts of the engine."""

import logging
import time
from collections.abc import Callable
from contextlib import closing
from threading import Event, Thread

from local.pod_engine import EngineError, EngineStream, PodEngine
from local.pod_names import instance_filter, ref_of
from shared.ports import JobRef

log = logging.getLogger(__name__)

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0


class PodEvents:
    """Calls `ring` from a thread of its own: with a Job when something happened to it, with None for all of them.

    All are to be looked at anew whenever the connection was made, since nobody knows what was missed before.
    """

    def __init__(self, engine: PodEngine, instance: str, ring: Callable[[JobRef | None], None]) -> None:
        self._engine = engine
        self._labels = instance_filter(instance)
        self._ring = ring
        self._stop = Event()
        self._stream: EngineStream | None = None

    @property
    def stopped(self) -> bool:
        """True from `stop` on."""
        return self._stop.is_set()

    def wait(self, seconds: float) -> None:
        """Wait for a while, or until `stop`."""
        self._stop.wait(seconds)

    def start(self) -> None:
        """Begin to listen."""
        Thread(target=self._run, name="engine events", daemon=True).start()

    def stop(self) -> None:
        """Stop listening at once."""
        self._stop.set()
        if self._stream is not None:
            self._stream.close()

    def _run(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while not self._stop.is_set():
            try:
                self._listen()
                pause_s = _FIRST_PAUSE_S
            except EngineError as error:
                log.info("no events from the Docker engine, asking again in %.1f s: %s", pause_s, error)
            self.wait(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _listen(self) -> None:
        # Events carry the engine's clock in whole seconds: one second back, so that none falls between.
        self._stream = stream = self._engine.events(self._labels, int(time.time()) - 1)
        with closing(stream):
            if self._stop.is_set():
                return
            self._ring(None)
            for event in stream.lines():
                self._ring(ref_of(event["Actor"]["Attributes"]))
