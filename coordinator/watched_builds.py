"""The builds that are worked on, as the watches show them: looking at one need not ask etcd again and again.

What is read may be older than etcd by the delay of a watch. That does no harm where a compare-and-put follows: it
fails, and the next read asks etcd. Where something is done without one, `build_now` asks, and `reports_now` where the
absence of a report decides.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from threading import Lock

from coordinator.store import BuildStore, Stored, by_attempt, report_of
from shared import keys
from shared.codec import decode, encode
from shared.model import Build
from shared.stage_contract import StageReport
from shared.store_ports import Change, Entry, KeyValue

KEPT = 200
"""So many builds are kept, with their reports: each takes some 50 KiB."""


@dataclass(slots=True)
class _Watched:
    """What is known of one build. It counts only where it is newer than what was seen to be `overwritten`.

    `written` is what was written here, or is about to be, and was not shown by the watch yet. `reports` are all there
    are once `is_complete`, and before that those that the watch has shown.
    """

    revision: int = 0
    value: bytes | None = None
    build: Build | None = None
    overwritten: int = 0
    written: set[bytes] = field(default_factory=set)
    is_elsewhere: bool = False
    reports: dict[str, tuple[int, StageReport]] = field(default_factory=dict)
    is_complete: bool = False

    def reported_at(self, key: str) -> int:
        """The revision of a report that is known, or 0."""
        return self.reports[key][0] if key in self.reports else 0

    def by_attempt(self) -> dict[tuple[str, int], StageReport]:
        """The reports by (stage id, attempt)."""
        return by_attempt((key, report) for key, (_, report) in self.reports.items())


class WatchedBuilds(BuildStore):
    """A BuildStore that reads builds and reports as the watches have shown them. Thread-safe."""

    def __init__(self, kv: KeyValue) -> None:
        super().__init__(kv)
        self._lock = Lock()
        self._watched: OrderedDict[str, _Watched] = OrderedDict()

    def observe_build(self, change: Change) -> bool:
        """Take in what a watch shows of a build; True where it is but the echo of what was written here."""
        with self._lock:
            watched = self._watched.get(change.key)
            if watched is None:
                return False
            is_echo = change.value in watched.written
            if change.value is not None:
                watched.written.discard(change.value)
            if change.revision >= watched.revision:
                watched.is_elsewhere = not is_echo
            if change.revision > watched.revision:
                watched.revision, watched.value, watched.build = change.revision, change.value, None
            return is_echo

    def observe_report(self, change: Change) -> str:
        """Take in what a watch shows of a report; returns the key of its build."""
        key = keys.build_key_of_report(change.key)
        with self._lock:
            watched = self._watched.get(key)
            if watched is not None and change.value is None:
                watched.reports.pop(change.key, None)
        if watched is not None and change.value is not None:
            self._put_reports(watched, (Entry(change.key, change.value, change.revision),))
        return key

    def is_elsewhere(self, key: str) -> bool:
        """Whether the build was changed by somebody else last: another coordinator works on it, most likely."""
        with self._lock:
            watched = self._watched.get(key)
            return watched is not None and watched.is_elsewhere

    def forget_all(self) -> None:
        """Ask etcd anew from now on: a watch may have lost something without a word."""
        with self._lock:
            for watched in self._watched.values():
                watched.revision, watched.is_complete = 0, False

    def build_now(self, key: str) -> Stored[Build] | None:
        """The same as `build_at`, asked of etcd."""
        with self._lock:
            if key in self._watched:
                self._watched[key].revision = 0
        return self.build_at(key)

    def build_at(self, key: str) -> Stored[Build] | None:
        """The build under an etcd key, or None; it may have changed a moment ago."""
        watched = self._watch(key)
        with self._lock:
            known = watched.revision > watched.overwritten
            revision, value, build = watched.revision, watched.value, watched.build
        if not known:
            entry = self._kv.get(key)
            if entry is None:
                return None
            revision, value, build = entry.revision, entry.value, None
        if value is None:
            return None
        return Stored(build or self._decoded(watched, revision, value), revision)

    def reports(self, build: Build) -> dict[tuple[str, int], StageReport]:
        """What the stages of a build have reported, by (stage id, attempt); the newest may not be there yet."""
        watched = self._watch(keys.build_key(build.repository, build.number))
        with self._lock:
            if watched.is_complete:
                return watched.by_attempt()
        return self.reports_now(build)

    def reports_now(self, build: Build) -> dict[tuple[str, int], StageReport]:
        """The same as etcd has them now: what a stage wrote before this call is in it."""
        watched = self._watch(keys.build_key(build.repository, build.number))
        self._put_reports(watched, self._kv.list(keys.reports_prefix(build.repository, build.number)))
        with self._lock:
            watched.is_complete = True
            return watched.by_attempt()

    def replace_build(self, stored: Stored[Build], build: Build) -> bool:
        """Write a build over the one that was read; False where somebody was faster."""
        key = keys.build_key(build.repository, build.number)
        watched, value = self._watch(key), encode(build)
        with self._lock:
            watched.written.add(value)
        revision = 0
        try:
            revision = self._kv.replace(key, value, stored.revision)
        finally:
            with self._lock:
                if not revision:
                    watched.written.discard(value)
                    watched.overwritten = max(watched.overwritten, stored.revision)
                elif revision >= watched.revision:
                    watched.revision, watched.value, watched.build = revision, value, build
                    watched.is_elsewhere = False
        return bool(revision)

    def _watch(self, key: str) -> _Watched:
        with self._lock:
            watched = self._watched.setdefault(key, _Watched())
            self._watched.move_to_end(key)
            while len(self._watched) > KEPT:
                self._watched.popitem(last=False)
            return watched

    def _decoded(self, watched: _Watched, revision: int, value: bytes) -> Build:
        build = decode(Build, value)
        with self._lock:
            if revision >= watched.revision:  # else the watch has shown a newer one meanwhile
                watched.revision, watched.value, watched.build = revision, value, build
        return build

    def _put_reports(self, watched: _Watched, entries: Iterable[Entry]) -> None:
        for entry in entries:
            if watched.reported_at(entry.key) < entry.revision:
                report = report_of(entry)
                with self._lock:
                    if watched.reported_at(entry.key) < entry.revision:
                        watched.reports[entry.key] = entry.revision, report
