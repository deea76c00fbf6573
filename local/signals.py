"""A bell for many listeners: whoever subscribes gets everything that is published from then on."""

from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class Signals(Generic[T]):
    """Hands each published item to all subscribers. Safe to use from many threads."""

    def __init__(self) -> None:
        self._listeners: list[SimpleQueue[T]] = []
        self._lock = Lock()

    def publish(self, item: T) -> None:
        """Tell all who listen now; never waits for them."""
        with self._lock:
            for listener in self._listeners:
                listener.put(item)

    @contextmanager
    def subscribe(self) -> Iterator["SimpleQueue[T]"]:
        """Listen for the length of a `with` block."""
        queue: SimpleQueue[T] = SimpleQueue()
        with self._lock:
            self._listeners.append(queue)
        try:
            yield queue
        finally:
            with self._lock:
                self._listeners.remove(queue)
