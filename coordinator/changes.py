"""News of builds: who looks at a build, or waits for its next change, is told instead of asking again and again."""

import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from shared.store_ports import Change

_LOOK_AT_STOP_EVERY_S = 0.2


@dataclass(frozen=True, slots=True)
class News:
    """A build that is there or has changed: its key, its revision, whether it is gone, and whether it was this
    coordinator's own work that changed it."""

    key: str
    revision: int
    is_gone: bool = False
    is_echo: bool = False


class BuildChanges:
    """The newest revision of each build that changed since the service started. Fed by the feed's watch."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._revisions: dict[str, int] = {}
        self._waiting: dict[str, list[threading.Event]] = {}
        self._followers: list[queue.SimpleQueue[News]] = []
        self._closed = False

    def publish(self, change: Change, is_echo: bool = False) -> None:
        """Take in a change, tell those who follow, and wake those who wait for this build."""
        with self._lock:
            is_new = change.revision > self._revisions.get(change.key, 0)
            if change.value is None:
                self._revisions.pop(change.key, None)
            elif is_new:
                self._revisions[change.key] = change.revision
            for follower in self._followers:
                follower.put(News(change.key, change.revision, change.value is None, is_echo))
            for waiting in self._waiting.get(change.key, ()) if is_new else ():
                waiting.set()

    def close(self) -> None:
        """Let all who wait go on; from now on nobody waits."""
        with self._lock:
            self._closed = True
            for waiting in self._waiting.values():
                for each in waiting:
                    each.set()

    @property
    def closed(self) -> bool:
        """True once the service stops."""
        return self._closed

    def revision(self, key: str) -> int:
        """The newest revision that is known of the build at `key`, or 0."""
        with self._lock:
            return self._revisions.get(key, 0)

    def count(self, prefix: str) -> int:
        """How many builds are known below a prefix."""
        with self._lock:
            return sum(key.startswith(prefix) for key in self._revisions)

    def wait(self, key: str, revision: int, timeout_s: float) -> bool:
        """Wait until the build at `key` is newer than `revision`; False when the time is over first."""
        deadline = time.monotonic() + timeout_s
        woken = threading.Event()
        with self._lock:
            self._waiting.setdefault(key, []).append(woken)
        try:
            while not (self._closed or self.revision(key) > revision):
                if not woken.wait(deadline - time.monotonic()):
                    return False
                woken.clear()
            return True
        finally:
            with self._lock:
                self._waiting[key].remove(woken)
                if not self._waiting[key]:
                    del self._waiting[key]

    def follow(self, stop: threading.Event) -> Iterator[News]:
        """Yield each build that is there, and then each that changes, until `stop` is set."""
        told: queue.SimpleQueue[News] = queue.SimpleQueue()
        with self._lock:
            there = tuple(self._revisions.items())
            self._followers.append(told)
        try:
            yield from (News(key, revision) for key, revision in there)
            while not stop.is_set():
                try:
                    yield told.get(timeout=_LOOK_AT_STOP_EVERY_S)
                except queue.Empty:
                    continue
        finally:
            with self._lock:
                self._followers.remove(told)
