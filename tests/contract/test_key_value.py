"""What every KeyValue does."""

import queue
from collections.abc import Callable, Iterator
from threading import Event, Thread

import pytest

from shared.etcd_kv import PAGE
from shared.store_ports import Change, Entry, KeyValue

LIMIT_S = 20


def there(entry: Entry | None) -> Entry:
    assert entry is not None
    return entry


def test_a_key_that_was_never_written_is_absent(key_value: KeyValue, prefix: str) -> None:
    assert key_value.get(prefix + "a") is None
    assert key_value.list(prefix) == ()


def test_delete_says_whether_there_was_something(key_value: KeyValue, prefix: str) -> None:
    key_value.create(prefix + "a", b"1")
    assert key_value.delete(prefix + "a")
    assert not key_value.delete(prefix + "a")
    assert key_value.create(prefix + "a", b"again")


def test_delete_at_a_revision_removes_nothing_that_was_written_since(key_value: KeyValue, prefix: str) -> None:
    key_value.create(prefix + "a", b"1")
    first = there(key_value.get(prefix + "a")).revision
    key_value.replace(prefix + "a", b"2", first)
    assert not key_value.delete(prefix + "a", first)
    now = there(key_value.get(prefix + "a"))
    assert now.value == b"2"
    assert key_value.delete(prefix + "a", now.revision)
    assert key_value.get(prefix + "a") is None
    assert not key_value.delete(prefix + "a", now.revision)


def test_list_gives_what_is_below_the_prefix_in_key_order(key_value: KeyValue, prefix: str) -> None:
    for name in ("b/2", "a", "b/10", "c"):
        key_value.create(prefix + name, name.encode())
    assert [(entry.key.removeprefix(prefix), entry.value) for entry in key_value.list(prefix)] == [
        ("a", b"a"), ("b/10", b"b/10"), ("b/2", b"b/2"), ("c", b"c"),
    ]  # fmt: skip
    assert [entry.key for entry in key_value.list(prefix + "b/")] == [prefix + "b/10", prefix + "b/2"]


def test_span_gives_what_lies_from_the_first_key_to_before_the_end_in_key_order(
    key_value: KeyValue, prefix: str
) -> None:
    for name in ("04", "01", "03", "02", "1"):
        key_value.create(prefix + name, name.encode())

    def names(first: str, end: str) -> list[str]:
        return [entry.key.removeprefix(prefix) for entry in key_value.span(prefix + first, prefix + end)]

    assert names("02", "04") == ["02", "03"]
    assert names("00", "05") == ["01", "02", "03", "04"]
    assert names("00", "2") == ["01", "02", "03", "04", "1"]
    assert names("04", "04") == names("05", "09") == names("03", "02") == []
    assert key_value.span(prefix + "01", prefix + "02") == (key_value.get(prefix + "01"),)


def test_list_holds_many_large_values(key_value: KeyValue, prefix: str) -> None:
    value = bytes(512 * 1024)
    for number in range(10):
        assert key_value.create(f"{prefix}{number:02d}", value)
    assert [len(entry.value) for entry in key_value.list(prefix)] == [len(value)] * 10


def test_a_scan_yields_what_was_there_when_it_began_and_a_list_too(key_value: KeyValue, prefix: str) -> None:
    names = [f"{number:03d}" for number in range(2 * PAGE + 1)]
    for name in names:
        key_value.create(prefix + name, name.encode())
    key_value.create(prefix.removesuffix("/") + "0", b"behind it")
    found = key_value.scan(prefix)
    first = next(found)
    key_value.delete(prefix + names[-1])
    key_value.replace(prefix + names[-2], b"changed", there(key_value.get(prefix + names[-2])).revision)
    assert [(entry.key, entry.value) for entry in (first, *found)] == [(prefix + n, n.encode()) for n in names]
    assert [entry.key for entry in key_value.list(prefix)] == [prefix + name for name in names[:-1]]
    assert list(key_value.scan(prefix + "none")) == []


def test_revisions_are_those_of_the_last_writes(key_value: KeyValue, prefix: str) -> None:
    made = {prefix + name: key_value.create(prefix + name, b"1") for name in ("c", "a", "b")}
    made[prefix + "c"] = key_value.replace(prefix + "c", b"2", made[prefix + "c"])
    assert key_value.revisions(prefix) == made
    assert list(key_value.revisions(prefix)) == sorted(made)
    assert key_value.revisions(prefix + "none") == {}


class Watched:
    """A watch that runs in a thread; `next` gives what it saw."""

    def __init__(self, key_value: KeyValue, prefix: str) -> None:
        self.stop = Event()
        self._seen: queue.Queue[Change] = queue.Queue()
        self.thread = Thread(target=self._run, args=(key_value, prefix), daemon=True)
        self.thread.start()

    def _run(self, key_value: KeyValue, prefix: str) -> None:
        for change in key_value.watch(prefix, self.stop):
            self._seen.put(change)

    def next(self) -> tuple[str, bytes | None]:
        change = self._seen.get(timeout=LIMIT_S)
        return change.key, change.value


@pytest.fixture
def watch(key_value: KeyValue) -> Iterator[Callable[[str], Watched]]:
    started: list[Watched] = []

    def start(prefix: str) -> Watched:
        started.append(Watched(key_value, prefix))
        return started[-1]

    yield start
    for watched in started:
        watched.stop.set()
        watched.thread.join(LIMIT_S)
        assert not watched.thread.is_alive()


def test_a_watch_begins_with_all_that_is_there(
    key_value: KeyValue, prefix: str, watch: Callable[[str], Watched]
) -> None:
    key_value.create(prefix + "b", b"2")
    key_value.create(prefix + "a", b"1")
    watched = watch(prefix)
    assert [watched.next(), watched.next()] == [(prefix + "a", b"1"), (prefix + "b", b"2")]


def test_a_watch_begins_with_many_keys_and_misses_no_write_that_comes_meanwhile(
    key_value: KeyValue, prefix: str
) -> None:
    for number in range(PAGE + 1):
        key_value.create(f"{prefix}{number:03d}", b"1")
    stop = Event()
    seen = key_value.watch(prefix, stop)
    began = next(seen)
    key_value.delete(f"{prefix}{PAGE:03d}")
    rest = [next(seen) for _ in range(PAGE + 1)]
    stop.set()
    assert list(seen) == []
    assert [change.key for change in (began, *rest)] == [f"{prefix}{n:03d}" for n in (*range(PAGE + 1), PAGE)]
    assert [change.value for change in rest[-2:]] == [b"1", None]


def test_a_watch_sees_writes_and_deletes_in_their_order(
    key_value: KeyValue, prefix: str, watch: Callable[[str], Watched]
) -> None:
    key_value.create(prefix + "a", b"1")
    watched = watch(prefix)
    assert watched.next() == (prefix + "a", b"1")
    key_value.create(prefix.removesuffix("/") + "-beside", b"x")
    key_value.replace(prefix + "a", b"2", there(key_value.get(prefix + "a")).revision)
    key_value.create(prefix + "b", b"3")
    key_value.delete(prefix + "a")
    assert [watched.next() for _ in range(3)] == [(prefix + "a", b"2"), (prefix + "b", b"3"), (prefix + "a", None)]


def test_two_watches_see_the_same(key_value: KeyValue, prefix: str, watch: Callable[[str], Watched]) -> None:
    first, second = watch(prefix), watch(prefix)
    key_value.create(prefix + "a", b"1")
    assert first.next() == second.next() == (prefix + "a", b"1")


def test_a_watch_ends_when_it_is_told_to(key_value: KeyValue, prefix: str) -> None:
    watched = Watched(key_value, prefix)
    watched.stop.set()
    watched.thread.join(LIMIT_S)
    assert not watched.thread.is_alive()
