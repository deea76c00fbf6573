"""A watch over one prefix of etcd that outlives lost connections, restarts and compaction."""

import queue
from collections.abc import Callable, Iterator
from threading import Event, Thread
from typing import Any

from shared.errors import StoreError, StoreRefused
from shared.store_ports import Change, Entry

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0
_LOOK_AT_STOP_EVERY_S = 0.2

Snapshot = Callable[[], tuple[Iterator[Entry], int]]

# gRPC streams and their messages carry no types.
Stream = Any
Message = Any
Open = Callable[[str, int], Stream]


class ResumingWatch:
    """Reads watch streams one after another; each begins where the last one ended.

    `snapshot` gives what is there and the revision of that; `open_watch` a gRPC stream of watch responses for a
    prefix from a revision on.
    """

    def __init__(self, prefix: str, stop: Event, snapshot: Snapshot, open_watch: Open) -> None:
        self._prefix = prefix
        self._stop = stop
        self._snapshot = snapshot
        self._open_watch = open_watch
        self._next = 0  # the revision to go on at; 0 asks for a list first
        self._known: set[str] = set()
        self._pause_s = _FIRST_PAUSE_S

    def changes(self) -> Iterator[Change]:
        """Yield until `stop` is set; raises StoreRefused when etcd will never let us."""
        while not self._stop.is_set():
            try:
                yield from self._listed()
                yield from self._streamed()
            except StoreRefused:
                raise
            except StoreError:
                # Nothing is lost: what happens meanwhile comes when etcd is back.
                self._stop.wait(self._pause_s)
                self._pause_s = min(_LONGEST_PAUSE_S, self._pause_s * 2)

    def _listed(self) -> Iterator[Change]:
        """What is there, unless the stream can go on from what was seen; asking also renews an old token."""
        entries, revision = self._snapshot()
        if self._next:
            return
        there = set()
        for entry in entries:
            there.add(entry.key)
            self._known.add(entry.key)  # now: who hears of it is to hear of its end, though the list breaks off
            yield Change(entry.key, entry.value, entry.revision)
        for key in sorted(self._known - there):
            yield Change(key, None, revision)
        self._known, self._next = there, revision + 1

    def _streamed(self) -> Iterator[Change]:
        call = self._open_watch(self._prefix, self._next)
        responses: queue.SimpleQueue[Any] = queue.SimpleQueue()
        Thread(target=_pump, args=(call, responses), name="etcd-watch", daemon=True).start()
        try:
            while not self._stop.is_set():
                try:
                    response = responses.get(timeout=_LOOK_AT_STOP_EVERY_S)
                except queue.Empty:
                    continue
                yield from self._read(response)
        finally:
            call.cancel()

    def _read(self, response: Message) -> Iterator[Change]:
        if isinstance(response, Exception):
            raise StoreError(f"the watch of {self._prefix} was lost: {response}") from response
        if response.compact_revision:
            self._next = 0
        if response.canceled:
            raise StoreError(f"etcd ended the watch of {self._prefix}: {response.cancel_reason}")
        self._pause_s = _FIRST_PAUSE_S
        for event in response.events:
            yield self._change(event)
        if response.events:
            # Not the header's revision, which is the store's: what is missing up to it may come in further responses.
            self._next = max(self._next, response.events[-1].kv.mod_revision + 1)

    def _change(self, event: Message) -> Change:
        key = event.kv.key.decode()
        if event.type == event.DELETE:
            self._known.discard(key)
            return Change(key, None, event.kv.mod_revision)
        self._known.add(key)
        return Change(key, event.kv.value, event.kv.mod_revision)


def _pump(call: Stream, responses: "queue.SimpleQueue[Any]") -> None:
    """Carry responses over, and last the error that ended them; a queue lets the reader look at `stop` in between."""
    try:
        for response in call:
            responses.put(response)
        responses.put(EOFError("etcd closed the stream"))
    except Exception as error:  # whatever gRPC says is the reader's to handle
        responses.put(error)
