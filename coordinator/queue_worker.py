"""Threads that work on keys: one loop that queues them, and workers that look at each until nothing is left to do."""

import logging
import threading
import time
from collections.abc import Callable

from coordinator.guarded import RETRY_S, keep_running
from coordinator.work_queue import WorkQueue
from shared.errors import InfrastructureError, KontinuousError

log = logging.getLogger(__name__)


class QueueWorker:
    """Looks at keys with a few threads. A loop that fails is run again: one that had stopped would be worse than noise.

    `look_at` returns in how many seconds to look at a key again, None where it is done for now. What it raises of ours
    leads to another look: soon, where the infrastructure failed, else after `resync_s`.
    """

    def __init__(self, name: str, look_at: Callable[[str], float | None], workers: int, resync_s: float) -> None:
        self.queue = WorkQueue()
        self.stopping = threading.Event()
        self._name = name
        self._look_at = look_at
        self._workers = workers
        self._resync_s = resync_s
        self._threads: list[threading.Thread] = []

    def start(self, *loops: Callable[[], None]) -> None:
        """Begin to work, and to run these loops, which end when `stopping` is set; returns at once."""
        for loop in (*loops, *[self._work] * self._workers):
            name = f"{self._name}{loop.__name__}"
            thread = threading.Thread(target=keep_running, args=(loop, name, self.stopping), name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self, wait_s: float = 5.0) -> None:
        """Stop all threads, waiting at most `wait_s` for them."""
        self.stopping.set()
        self.queue.close()
        deadline = time.monotonic() + wait_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _work(self) -> None:
        while (key := self.queue.take()) is not None:
            again_s: float | None = self._resync_s
            try:
                again_s = self._look_at(key)
            except KontinuousError as error:
                log.warning("%s: %s: %s", self._name, key, error)
                again_s = RETRY_S if isinstance(error, InfrastructureError) else self._resync_s
            finally:
                self.queue.done(key)
                if again_s is not None:
                    self.queue.add(key, again_s)
