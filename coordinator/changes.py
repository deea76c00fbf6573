"""News of builds: an event stream or a log waits for the next change of a build instead of asking again and again."""

import threading

from shared.store_ports import Change


class BuildChanges:
    """The newest revision of each build that changed since the service started. Fed by the reconciler's watch."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._revisions: dict[str, int] = {}
        self._closed = False

    def publish(self, change: Change) -> None:
        """Take in a change, and wake those who wait for it."""
        with self._condition:
            if change.value is None:
                self._revisions.pop(change.key, None)
            else:
                self._revisions[change.key] = max(change.revision, self._revisions.get(change.key, 0))
            self._condition.notify_all()

    def close(self) -> None:
        """Let all who wait go on; from now on nobody waits."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    @property
    def closed(self) -> bool:
        """True once the service stops."""
        return self._closed

    def revision(self, key: str) -> int:
        """The newest revision that is known of the build at `key`, or 0."""
        with self._condition:
            return self._revisions.get(key, 0)

    def wait(self, key: str, revision: int, timeout_s: float) -> bool:
        """Wait until the build at `key` is newer than `revision`; False when the time is over first."""
        with self._condition:
            return self._condition.wait_for(lambda: self._closed or self._revisions.get(key, 0) > revision, timeout_s)
