"""A queue of keys to look at: a key that is queued twice is worked once, and never by two workers at once."""

import heapq
import threading
import time


class WorkQueue:
    """Keys with the time they are due. Thread-safe."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._due: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []
        self._working: set[str] = set()
        self._closed = False

    def add(self, key: str, delay_s: float = 0.0) -> None:
        """Have `key` worked in `delay_s` seconds, or sooner where that was asked for already."""
        due = time.monotonic() + delay_s
        with self._condition:
            if due < self._due.get(key, float("inf")):
                self._due[key] = due
                heapq.heappush(self._heap, (due, key))
                self._condition.notify()

    def take(self) -> str | None:
        """Wait for a key that is due and that nobody works on; None once the queue is closed."""
        with self._condition:
            while not self._closed:
                key, wait_s = self._next()
                if key is not None:
                    del self._due[key]
                    self._working.add(key)
                    return key
                self._condition.wait(wait_s)
            return None

    def done(self, key: str) -> None:
        """Say that the work on a key that was taken has ended."""
        with self._condition:
            self._working.discard(key)
            self._condition.notify_all()

    def close(self) -> None:
        """Wake everybody up and hand out nothing more."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    def _next(self) -> tuple[str | None, float | None]:
        """The first key that may be worked now, or how long to wait for one."""
        held = []
        found: str | None = None
        wait_s: float | None = None
        while self._heap:
            due, key = self._heap[0]
            if self._due.get(key) != due:
                heapq.heappop(self._heap)
                continue
            wait_s = due - time.monotonic()
            if wait_s > 0:
                break
            heapq.heappop(self._heap)
            if key not in self._working:
                found = key
                break
            held.append((due, key))
            wait_s = None
        for item in held:
            heapq.heappush(self._heap, item)
        return found, wait_s
