"""Logs by byte offset: from the archive, from chunks, live, and from one to the other without a gap."""

import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.changes import BuildChanges
from coordinator.log_reader import LogReader, Piece, place_after
from coordinator.manifests import job_manifest
from coordinator.stage_lookup import find_stage
from coordinator.store import BuildStore
from shared import keys
from shared.clock import timestamp
from shared.errors import NotFound, StoreError
from shared.model import Build
from shared.ports import JobRef, LiveLog
from shared.status import Status
from shared.store_ports import Change
from tests.coordinator.samples import NOW, REPOSITORY, TEST, build, settings, with_attempt
from tests.fakes.fake_launcher import FakeLauncher
from tests.fakes.stores import FakeKeyValue, FakeObjects
from tests.waiting import wait_for

LOG = bytes(range(256)) * 4
OFFSETS = (0, 1, 255, 300, 301, 600, len(LOG) - 1, len(LOG), len(LOG) + 9)


class Desk:
    """A build with one command stage, and all that its log may come from."""

    def __init__(self) -> None:
        self.kv = FakeKeyValue()
        self.store = BuildStore(self.kv)
        self.objects = FakeObjects()
        self.launcher = FakeLauncher()
        self.changes = BuildChanges()
        self.store.create_pipeline(REPOSITORY, "")
        self.store.create_build(REPOSITORY, lambda number: build(replace(TEST, name="Test"), number=number))
        self.prefix = keys.log_prefix(REPOSITORY, 1, "test", 1)

    @property
    def reader(self) -> LogReader:
        return LogReader(self.store, self.objects, self.launcher, self.changes)

    def change(self, change: Callable[[Build], Build]) -> Build:
        """Store a changed build, and tell of it as the reconciler does."""
        made = self.store.update_build(REPOSITORY, 1, change)
        entry = self.kv.get(keys.build_key(REPOSITORY, 1))
        assert entry is not None
        self.changes.publish(Change(entry.key, entry.value, entry.revision))
        return made

    def begin(self) -> JobRef:
        """Begin a new attempt, with its Job running."""
        made = self.change(lambda made: with_attempt(made, "test", status=Status.RUNNING))
        stage = made.stages[0]
        self.launcher.launch(job_manifest(made, stage, stage.attempts[-1], settings(), ()), [])
        ref = JobRef(made.pipeline.namespace, stage.attempts[-1].job)
        self.launcher.run(ref)
        return ref

    def end(self, status: Status = Status.SUCCESS, finish: bool = True) -> None:
        """End the newest attempt, and the build with it."""

        def ended(made: Build) -> Build:
            (stage,) = made.stages
            last = replace(stage.attempts[-1], status=status, finished_at=timestamp(NOW))
            stages = (replace(stage, attempts=(*stage.attempts[:-1], last)),)
            return replace(made, stages=stages, finished_at=timestamp(NOW) if finish else "")

        self.change(ended)

    def archive(self, data: bytes = LOG) -> None:
        self.objects.put(keys.log_archive(self.prefix), data)

    def chunks(self, *starts: int, upto: int = len(LOG)) -> None:
        for start, end in zip(starts, (*starts[1:], upto), strict=True):
            self.objects.put(keys.log_chunk(self.prefix, start), LOG[start:end])

    def read(self, offset: int = 0) -> bytes:
        return b"".join(self.reader.read(REPOSITORY, 1, "test", 1, offset))

    def follow(self, offset: int = 0, attempt: int | None = 1) -> Iterator[bytes]:
        return (piece.data for piece in self.pieces(offset, attempt))

    def pieces(self, offset: int = 0, attempt: int | None = 1) -> Iterator[Piece]:
        return self.reader.follow(REPOSITORY, 1, "test", attempt, offset)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def some(pieces: Iterator[bytes], size: int) -> bytes:
    """At least so many bytes of a stream."""
    data = b""
    while len(data) < size:
        data += next(pieces)
    return data


@pytest.mark.parametrize("offset", OFFSETS)
def test_an_archive_is_read_from_any_byte(desk: Desk, offset: int) -> None:
    desk.archive()
    assert desk.read(offset) == LOG[offset:]


@pytest.mark.parametrize("offset", OFFSETS)
def test_chunks_are_read_from_any_byte_where_there_is_no_archive(desk: Desk, offset: int) -> None:
    desk.chunks(0, 300, 301, 600)
    assert desk.read(offset) == LOG[offset:]


def test_a_log_of_which_nothing_is_stored_is_empty(desk: Desk) -> None:
    assert desk.read() == b""


def test_what_lies_behind_a_gap_is_not_taken_for_what_lies_before_it(desk: Desk) -> None:
    desk.chunks(0, 300, 600)
    desk.objects.delete([keys.log_chunk(desk.prefix, 300)])
    assert desk.read() == LOG[:300]


class ArchivingObjects(FakeObjects):
    """The stage ends while a reader is at its chunks: the archive appears, then the chunks go."""

    def __init__(self, when: str, prefix: str) -> None:
        super().__init__()
        self.when = when
        self.prefix = prefix

    def _archive(self) -> None:
        self.put(keys.log_archive(self.prefix), LOG)
        super().delete([item.key for item in super().list(f"{self.prefix}chunk-")])

    def list(self, prefix: str):
        if self.when == "before the list":
            self._archive()
        found = super().list(prefix)
        if self.when == "after the list":
            self._archive()
        return found

    def read(self, key: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        yield from super().read(key, offset, length)
        if self.when == "after a chunk" and "chunk-" in key:
            self._archive()


@pytest.mark.parametrize("when", ["before the list", "after the list", "after a chunk"])
@pytest.mark.parametrize("offset", [0, 299, 600, len(LOG)])
def test_a_stage_that_ends_while_its_chunks_are_read_loses_no_byte(desk: Desk, when: str, offset: int) -> None:
    desk.objects = ArchivingObjects(when, desk.prefix)
    desk.chunks(0, 300, 600)
    assert desk.read(offset) == LOG[offset:]


@pytest.mark.parametrize("when", ["before the list", "after the list", "never"])
def test_the_size_is_that_of_all_that_is_stored(desk: Desk, when: str) -> None:
    desk.objects = ArchivingObjects(when, desk.prefix)
    desk.chunks(0, 300, 600)
    assert desk.reader.size(REPOSITORY, 1, "test", 1) == len(LOG)


@pytest.mark.parametrize("length", [0, 1, 299, 300, 301, len(LOG), len(LOG) + 1])
@pytest.mark.parametrize("offset", [0, 299, 600])
def test_at_most_so_many_bytes_are_read_as_were_asked_for(desk: Desk, offset: int, length: int) -> None:
    desk.chunks(0, 300, 600)
    assert b"".join(desk.reader.read(REPOSITORY, 1, "test", 1, offset, length)) == LOG[offset:][:length]


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("live", [0, 1, 300, len(LOG)])
def test_a_log_goes_from_live_to_archive_without_losing_or_repeating_a_byte(desk: Desk, live: int, offset: int) -> None:
    ref = desk.begin()
    desk.launcher.write(ref, LOG[: live // 2])
    desk.launcher.write(ref, LOG[live // 2 : live])
    pieces = desk.follow(offset)
    first = some(pieces, max(0, live - offset))
    desk.launcher.finish(ref)
    desk.archive()
    desk.end()
    desk.launcher.remove(ref)
    assert first + b"".join(pieces) == LOG[offset:]


def test_a_container_that_is_removed_between_two_reads_is_no_end_of_the_log(desk: Desk) -> None:
    ref = desk.begin()
    desk.launcher.write(ref, LOG[:300])
    pieces = desk.follow()
    first = some(pieces, 300)
    desk.launcher.finish(ref)
    desk.launcher.remove(ref)
    assert [next(pieces) for _ in range(3)] == [b""] * 3
    desk.archive()
    desk.end()
    assert first + b"".join(pieces) == LOG


def test_a_stage_that_died_is_read_from_its_chunks(desk: Desk) -> None:
    ref = desk.begin()
    desk.launcher.vanish(ref)
    desk.chunks(0, 300, upto=600)
    desk.end(Status.FAIL)
    assert b"".join(desk.follow(5)) == LOG[5:600]


def test_a_reader_may_come_before_the_first_attempt(desk: Desk) -> None:
    pieces = desk.follow(attempt=None)
    assert [next(pieces) for _ in range(3)] == [b""] * 3
    ref = desk.begin()
    desk.launcher.write(ref, LOG[:300])
    assert some(pieces, 300) == LOG[:300]
    desk.launcher.finish(ref)
    desk.archive()
    desk.end()
    assert b"".join(pieces) == LOG[300:]


def test_a_reader_of_a_stage_that_never_runs_is_let_go(desk: Desk) -> None:
    pieces = desk.follow(attempt=None)
    assert next(pieces) == b""
    desk.change(
        lambda made: replace(
            made, stages=(replace(made.stages[0], skipped="'Build' failed"),), finished_at=timestamp(NOW)
        )
    )
    assert b"".join(pieces) == b""


def test_a_reader_stays_with_the_attempt_that_it_has_begun_with(desk: Desk) -> None:
    ref = desk.begin()
    pieces = desk.follow(attempt=None)
    desk.launcher.write(ref, b"first")
    assert some(pieces, 5) == b"first"
    desk.launcher.finish(ref)
    desk.archive(b"first attempt")
    desk.end(Status.FAIL, finish=False)
    second = desk.begin()
    desk.launcher.write(second, b"second attempt")
    assert b"".join(pieces) == b" attempt"


def test_a_silent_container_gives_signs_of_life(desk: Desk) -> None:
    desk.begin()
    pieces = desk.follow()
    assert [next(pieces) for _ in range(4)] == [b""] * 4


def test_a_reader_who_leaves_frees_the_container_and_its_thread(desk: Desk) -> None:
    ref = desk.begin()
    before = set(threading.enumerate())
    pieces = desk.follow()
    desk.launcher.write(ref, b"x")
    assert some(pieces, 1) == b"x"
    (reading,) = (each for each in threading.enumerate() if each not in before)
    pieces.close()  # type: ignore[attr-defined]
    wait_for(lambda: not reading.is_alive())


def test_the_services_end_ends_a_reader_of_a_silent_container(desk: Desk) -> None:
    desk.begin()
    pieces = desk.follow()
    assert next(pieces) == b""
    with ThreadPoolExecutor(1) as pool:
        rest = pool.submit(lambda: b"".join(pieces))
        desk.changes.close()
        assert rest.result(5) == b""


class FlakyObjects(FakeObjects):
    """A store that fails in the middle of an object, a few times."""

    failures = 2

    def read(self, key: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        for data in super().read(key, offset, length):
            if self.failures:
                self.failures -= 1
                yield data[:100]
                raise StoreError("S3 is down")
            yield data


def test_a_store_that_is_down_for_a_while_loses_no_byte(desk: Desk) -> None:
    desk.objects = FlakyObjects()
    desk.archive()
    desk.begin()
    desk.end()
    assert b"".join(desk.follow()) == LOG
    assert desk.objects.failures == 0


def test_a_build_that_is_removed_meanwhile_ends_the_stream_with_an_error(desk: Desk) -> None:
    pieces = desk.follow(attempt=None)
    assert next(pieces) == b""
    desk.store.delete_build(desk.store.build(REPOSITORY, 1).value)
    with pytest.raises(NotFound):
        list(pieces)


def test_a_stage_is_found_by_id_or_name_and_else_named() -> None:
    made = build()
    assert find_stage(made, "unit-test") is find_stage(made, "Unit Test")
    with pytest.raises(NotFound, match="no stage 'tests'; it has build, unit-test"):
        find_stage(made, "tests")


def test_a_log_too_long_to_be_had_live_is_read_on_from_the_store(desk: Desk) -> None:
    """As on a cluster, where a node keeps only the newest part of a log."""
    desk.launcher.live_log = LiveLog(reach=300, loses_returns=False)
    ref = desk.begin()
    desk.launcher.write(ref, LOG[:400])
    pieces = desk.follow()
    assert some(pieces, 400) == LOG[:400]
    desk.chunks(0, 301, 600)
    assert some(pieces, len(LOG) - 400) == LOG[400:]
    desk.archive()
    desk.end()
    assert b"".join(pieces) == b""


RETURNS = b"one\r\ntwo\nthree\r\n\r\nfo\rur\r\r\nfive\r"
WITHOUT = b"one\ntwo\nthree\n\nfo\rur\r\nfive\r"


@pytest.mark.parametrize("shown", range(len(WITHOUT) + 1))
def test_what_the_live_log_loses_is_left_out_of_the_stored_one_too(desk: Desk, shown: int) -> None:
    desk.launcher.live_log = LiveLog(reach=1 << 20, loses_returns=True)
    ref = desk.begin()
    desk.launcher.write(ref, WITHOUT[:shown])
    pieces = desk.follow()
    first = some(pieces, shown)
    desk.launcher.finish(ref)
    desk.archive(RETURNS)
    desk.end()
    assert first + b"".join(pieces) == WITHOUT
    assert b"".join(desk.follow(shown)) == WITHOUT[shown:]  # another connection asks again


@pytest.mark.parametrize("stored", range(1, len(RETURNS) + 1))
def test_a_carriage_return_at_the_end_of_a_chunk_waits_for_what_follows_it(desk: Desk, stored: int) -> None:
    desk.launcher.live_log = LiveLog(reach=1, loses_returns=True)
    desk.begin()
    desk.objects.put(keys.log_chunk(desk.prefix, 0), RETURNS[:stored])
    pieces = desk.follow()
    first = b"".join(next(pieces) for _ in range(4))
    desk.objects.put(keys.log_chunk(desk.prefix, stored), RETURNS[stored:])
    desk.end()
    assert first + b"".join(pieces) == WITHOUT
    assert len(first) >= stored - RETURNS[:stored].count(b"\r")


@given(st.lists(st.sampled_from([b"a", b"bc", b"\r", b"\n", b"\r\n"]), max_size=30), st.data())
def test_a_place_in_the_store_is_where_the_live_log_was(parts: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(parts)
    live = b"\n".join(line.removesuffix(b"\r") for line in whole.split(b"\n")[:-1])
    live += (b"\n" if b"\n" in whole else b"") + whole.split(b"\n")[-1]
    shown = data.draw(st.integers(0, len(live)))
    size = data.draw(st.integers(1, 5))
    place, lacking = place_after((whole[at : at + size] for at in range(0, len(whole), size)), shown)
    assert lacking == 0
    before = whole[:place]
    kept = len(before) - sum(line.endswith(b"\r") for line in before.split(b"\n")[:-1])
    assert kept == shown


def test_a_place_in_a_long_log_without_lines_is_found_in_linear_time_and_constant_memory() -> None:
    piece, pieces = b"x" * (1 << 16), 1 << 10
    begun = time.process_time()
    tracemalloc.start()
    try:
        assert place_after((piece for _ in range(pieces)), len(piece) * pieces) == (len(piece) * pieces, 0)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 1 << 20
    assert time.process_time() - begun < 10


def test_no_more_of_a_log_is_read_than_was_shown() -> None:
    log = iter([b"one\r\n", b"two\r\n", b"three\r\n"])
    assert place_after(log, 8) == (10, 0)
    assert list(log) == [b"three\r\n"]


def test_a_carriage_return_is_not_taken_for_a_line_s_end_before_that_is_stored() -> None:
    assert place_after([b"a\r"], 2, ended=False) == (1, 1)
    assert place_after([b"a\r"], 2) == (2, 0)


def test_who_comes_late_to_a_log_too_long_to_be_had_live_reads_the_store(desk: Desk) -> None:
    """A node that keeps only the newest part would give that, and nobody could tell it from the beginning."""
    desk.launcher.live_log = LiveLog(reach=300, loses_returns=False)
    ref = desk.begin()
    desk.launcher.write(ref, b"only the newest part")
    desk.chunks(0, 300, upto=600)
    pieces = desk.follow()
    assert some(pieces, 600) == LOG[:600]
    desk.archive()
    desk.end()
    assert b"".join(pieces) == LOG[600:]


@pytest.mark.parametrize(("line_bytes", "shown"), [(4, b"live"), (5, LOG[:300])])
def test_short_lines_take_up_more_of_what_a_node_keeps(desk: Desk, line_bytes: int, shown: bytes) -> None:
    """The stored 300 bytes have two lines, and the node keeps 310."""
    desk.launcher.live_log = LiveLog(reach=310, loses_returns=False, line_bytes=line_bytes)
    ref = desk.begin()
    desk.launcher.write(ref, b"live")
    desk.chunks(0, upto=300)
    assert some(desk.follow(), len(shown)) == shown


def test_who_changes_to_the_store_waits_until_it_has_what_was_shown(desk: Desk) -> None:
    whole = b"one\r\n" * 100
    desk.launcher.live_log = LiveLog(reach=100, loses_returns=True)
    ref = desk.begin()
    desk.launcher.write(ref, b"one\n" * 30)
    pieces = desk.pieces()
    shown = b""
    while len(shown) < 120:
        shown += next(pieces).data
    desk.objects.put(keys.log_chunk(desk.prefix, 0), whole[:60])
    assert [next(pieces).data for _ in range(3)] == [b""] * 3
    desk.objects.put(keys.log_chunk(desk.prefix, 60), whole[60:])
    rest = next(piece for piece in pieces if piece.data)
    assert (rest.offset, rest.data) == (120, b"one\n" * 70)


def test_a_live_log_that_lacks_its_beginning_is_not_taken_for_the_whole(desk: Desk) -> None:
    """A node that has begun a new file gives only that, also while little is stored yet."""
    desk.launcher.live_log = LiveLog(reach=1 << 20, loses_returns=True)
    ref = desk.begin()
    desk.objects.put(keys.log_chunk(desk.prefix, 0), b"$ the beginning\n")
    desk.launcher.write(ref, b"a later part\n")
    pieces = desk.follow()
    assert some(pieces, 16) == b"$ the beginning\n"
    desk.launcher.finish(ref)
    desk.archive(b"$ the beginning\nthe middle\na later part\n")
    desk.end()
    assert b"".join(pieces) == b"the middle\na later part\n"
