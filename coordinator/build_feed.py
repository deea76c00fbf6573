"""The one watch of builds, from which all are told who look at builds when they change."""

from threading import Event, Thread

from coordinator.changes import BuildChanges
from coordinator.guarded import keep_running
from coordinator.watched_builds import WatchedBuilds
from shared import keys
from shared.store_ports import KeyValue

_STOP_S = 5.0


class BuildFeed:
    """Watches builds from `start` to `stop`: `builds` has them as they were shown last, and `changes` tells of them."""

    def __init__(self, kv: KeyValue) -> None:
        self.builds = WatchedBuilds(kv)
        self.changes = BuildChanges()
        self._kv = kv
        self._stopping = Event()
        self._thread = Thread(
            target=keep_running, args=(self._watch, "watch builds", self._stopping), name="builds", daemon=True
        )

    def start(self) -> None:
        """Begin to watch; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """End the watch; who waits for a change goes on."""
        self._stopping.set()
        self.changes.close()
        if self._thread.is_alive():
            self._thread.join(_STOP_S)

    def _watch(self) -> None:
        for change in self._kv.watch(keys.BUILDS, self._stopping):
            self.changes.publish(change, is_echo=self.builds.observe_build(change))
