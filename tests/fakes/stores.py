"""The stores in memory, for tests of the code above them. They pass the same contract tests as the real ones."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from threading import Condition, Event

from shared.errors import ObjectMissing
from shared.store_ports import Change, Entry, ObjectInfo


class FakeKeyValue:
    """A KeyValue. Every write gets the next revision, and is kept in a history that watches read."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._history: list[Change] = []
        self._changed = Condition()

    def get(self, key: str) -> Entry | None:
        with self._changed:
            return self._entries.get(key)

    def list(self, prefix: str) -> tuple[Entry, ...]:
        with self._changed:
            return tuple(self._entries[key] for key in sorted(self._entries) if key.startswith(prefix))

    def scan(self, prefix: str) -> Iterator[Entry]:
        return iter(self.list(prefix))

    def revisions(self, prefix: str) -> dict[str, int]:
        return {entry.key: entry.revision for entry in self.list(prefix)}

    def span(self, first: str, end: str) -> tuple[Entry, ...]:
        with self._changed:
            return tuple(self._entries[key] for key in sorted(self._entries) if first <= key < end)

    def create(self, key: str, value: bytes) -> int:
        with self._changed:
            return 0 if key in self._entries else self._write(key, value)

    def replace(self, key: str, value: bytes, revision: int) -> int:
        with self._changed:
            there = self._entries.get(key)
            return self._write(key, value) if there is not None and there.revision == revision else 0

    def delete(self, key: str, revision: int | None = None) -> bool:
        with self._changed:
            there = self._entries.get(key)
            return there is not None and revision in (None, there.revision) and bool(self._write(key, None))

    def watch(self, prefix: str, stop: Event) -> Iterator[Change]:
        with self._changed:
            seen = len(self._history)
            first = [Change(entry.key, entry.value, entry.revision) for entry in self.list(prefix)]
        yield from first
        while not stop.is_set():
            with self._changed:
                self._changed.wait_for(lambda: len(self._history) > seen, timeout=0.1)  # noqa: B023
                news, seen = self._history[seen:], len(self._history)
            yield from (change for change in news if change.key.startswith(prefix))

    def _write(self, key: str, value: bytes | None) -> int:
        revision = len(self._history) + 1
        if value is None:
            del self._entries[key]
        else:
            self._entries[key] = Entry(key, value, revision)
        self._history.append(Change(key, value, revision))
        self._changed.notify_all()
        return revision


class FakeObjects:
    """An ObjectStore."""

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}

    def put(self, key: str, data: bytes) -> None:
        self._objects[key] = bytes(data)

    def put_file(self, key: str, path: Path) -> None:
        self._objects[key] = path.read_bytes()

    def read(self, key: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        if key not in self._objects:
            raise ObjectMissing(f"there is no object {key}")
        data = self._objects[key][offset:][:length]
        yield from (data[at : at + 65536] for at in range(0, len(data), 65536))

    def size(self, key: str) -> int:
        if key not in self._objects:
            raise ObjectMissing(f"there is no object {key}")
        return len(self._objects[key])

    def list(self, prefix: str) -> tuple[ObjectInfo, ...]:
        found = sorted(key for key in self._objects if key.startswith(prefix))
        return tuple(ObjectInfo(key, len(self._objects[key])) for key in found)

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._objects.pop(key, None)
