"""The watch that goes on after lost connections, with etcd's own messages; `tests/contract` has it on a real etcd."""

from collections.abc import Callable, Iterator
from threading import Event
from typing import Any

from shared.errors import StoreError
from shared.etcd_messages import prepare_messages
from shared.etcd_watch import ResumingWatch
from shared.store_ports import Change, Entry

Open = Callable[[str, int], Any]


class Streams:
    """Streams of responses, one after another: each is lost at its end, and the last one stays silent."""

    def __init__(self, *streams: list[Any]) -> None:
        self.asked_from: list[int] = []
        self._streams = iter(streams)

    def open(self, prefix: str, revision: int) -> "Streams":
        self.asked_from.append(revision)
        self._now = next(self._streams, None)
        return self

    def __iter__(self) -> Iterator[Any]:
        if self._now is None:
            Event().wait()
        yield from self._now or ()
        raise ConnectionError("reset")

    def cancel(self) -> None:
        """The reader has left."""


def response(store_revision: int, *revisions: int, created: bool = False) -> Any:
    """An answer as etcd makes it: its header has the store's revision, whatever is in it."""
    prepare_messages()
    from etcd3 import etcdrpc

    made = etcdrpc.WatchResponse(header=etcdrpc.ResponseHeader(revision=store_revision), created=created)
    for revision in revisions:
        event = made.events.add()
        event.kv.key, event.kv.mod_revision = b"k%d" % revision, revision
    return made


def seen(count: int, snapshot: Callable[[], tuple[Iterator[Entry], int]], streams: Streams) -> list[Change]:
    stop = Event()
    changes = ResumingWatch("", stop, snapshot, streams.open).changes()
    found = [next(changes) for _ in range(count)]
    stop.set()
    assert list(changes) == []
    return found


def empty() -> tuple[Iterator[Entry], int]:
    return iter(()), 100


def test_what_was_missed_comes_also_where_the_line_goes_again_before_it_is_sent() -> None:
    streams = Streams([response(103, created=True)], [response(103, created=True), response(103, 101, 102, 103)])
    assert [change.revision for change in seen(3, empty, streams)] == [101, 102, 103]
    assert streams.asked_from[:2] == [101, 101]


def test_a_stream_that_is_lost_between_two_parts_of_what_was_missed_goes_on_behind_the_first() -> None:
    streams = Streams([response(1500, *range(101, 201))], [response(1500, *range(201, 301))])
    assert [change.revision for change in seen(200, empty, streams)] == list(range(101, 301))
    assert streams.asked_from[:2] == [101, 201]


def test_what_goes_while_a_list_breaks_off_is_told_as_gone() -> None:
    def breaking() -> Iterator[Entry]:
        yield Entry("a", b"1", 10)
        raise StoreError("etcd does not answer, at the second page")

    lists = iter([breaking(), iter([Entry("b", b"2", 11)])])
    changes = seen(3, lambda: (next(lists), 20), Streams())
    assert [(change.key, change.value) for change in changes] == [("a", b"1"), ("b", b"2"), ("a", None)]
