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
        self._timer: float | None = None  # until when the one waits who minds the time; the others wait to be woken
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
                key, due = self._next()
                if key is not None:
                    del self._due[key]
                    self._working.add(key)
                    self._condition.notify()  # another looks what comes next, and when
                    return key
                self._wait(due)
            return None

    def done(self, key: str) -> None:
        """Say that the work on a key that was taken has ended."""
        with self._condition:
            self._working.discard(key)
            if key in self._due:
                self._condition.notify()

    def close(self) -> None:
        """Wake everybody up and hand out nothing more."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    def _wait(self, due: float | None) -> None:
        """Wait to be woken, or until a time that nobody else waits for."""
        if due is None or (self._timer is not None and self._timer <= due):
            self._condition.wait()
            return
        self._timer = due
        self._condition.wait(due - time.monotonic())
        if self._timer == due:
            self._timer = None

    def _next(self) -> tuple[str | None, float | None]:
        """The first key that may be worked now, or when one will be due."""
        held = []
        found: str | None = None
        due: float | None = None
        while self._heap and found is None:
            due, key = self._heap[0]
            if self._due.get(key) != due:
                heapq.heappop(self._heap)
                due = None
                continue
            if due > time.monotonic():
                break
            heapq.heappop(self._heap)
            if key in self._working:
                held.append((due, key))
            else:
                found = key
            due = None
        for item in held:
            heapq.heappush(self._heap, item)
        return found, due
