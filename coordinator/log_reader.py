"""Reading logs: from the archive of a finished attempt, its chunks, or live from its container.

What a stage writes to stdout is byte for byte what it archives, so that a reader may change from one to the other
without losing or repeating any; but for carriage returns at the ends of lines, which a launcher may lose.
"""

import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from coordinator.changes import BuildChanges
from coordinator.pump import pumped
from coordinator.stage_lookup import find_stage
from coordinator.store import BuildStore
from shared import keys
from shared.errors import InfrastructureError, ObjectMissing
from shared.model import Attempt, Build, Repository, Stage
from shared.ports import JobRef, Launcher
from shared.store_ports import ObjectStore

FIRST_PAUSE_S = 0.2
HEAD_BYTES = 256
LONGEST_PAUSE_S = 2.0

log = logging.getLogger(__name__)


class Piece(NamedTuple):
    """Some bytes of a log, none for a sign of life; where in it they are, and of which attempt it is (0: none yet)."""

    offset: int
    data: bytes
    attempt: int


@dataclass(slots=True)
class _Place:
    """How far one reader has come: in the log as it is followed and, where that is known, in the stored one, which has
    the carriage returns that the live one loses."""

    offset: int
    stored: int | None = None
    too_long: bool = False


class LogReader:
    """Reads the log of one attempt, whole or as it grows."""

    def __init__(self, store: BuildStore, objects: ObjectStore, launcher: Launcher, changes: BuildChanges) -> None:
        self._store = store
        self._objects = objects
        self._launcher = launcher
        self._changes = changes

    def read(
        self, repository: Repository, number: int, stage_id: str, attempt: int, offset: int = 0,
        length: int | None = None,
    ) -> Iterator[bytes]:  # fmt: skip
        """Yield what is stored from byte `offset` on, at most `length`: the archive, or the chunks there are so far."""
        prefix = keys.log_prefix(repository, number, stage_id, attempt)
        data = self._read_stored(prefix, offset)
        return data if length is None else _at_most(length, data)

    def size(self, repository: Repository, number: int, stage_id: str, attempt: int) -> int:
        """How many bytes `read` gives now."""
        prefix = keys.log_prefix(repository, number, stage_id, attempt)
        end = 0
        for item in self._objects.list(f"{prefix}chunk-"):
            start = keys.log_chunk_offset(item.key)
            end = max(end, start + item.size) if start <= end else end
        try:  # after the chunks: the archive comes before they go
            return self._objects.size(keys.log_archive(prefix))
        except ObjectMissing:
            return end

    def _read_stored(self, prefix: str, offset: int) -> Iterator[bytes]:
        try:
            yield from self._objects.read(keys.log_archive(prefix), offset)
        except ObjectMissing:
            for data in self._read_chunks(prefix, offset):
                offset += len(data)
                yield data
            yield from self._read_late_archive(prefix, offset)

    def follow(
        self, repository: Repository, number: int, stage_id: str, attempt: int | None, offset: int = 0
    ) -> Iterator[Piece]:
        """Yield the log from byte `offset` on, as it is written, until the attempt has ended or the service stops.

        Where the live log loses carriage returns at the ends of lines, so does this from its first to its last byte:
        an offset means the same whenever it is asked for. Yields no bytes at once and while none come, so that a
        caller can notice that its reader has left. Without `attempt`, it is the newest one of the build's present
        run, or else its first, which is waited for. Waits while a store or the launcher is down; raises NotFound
        where the build is no more.
        """
        yield Piece(offset, b"", attempt or 0)
        pause_s = FIRST_PAUSE_S
        place = _Place(offset)
        while not self._changes.closed:
            before, revision = place.offset, 0
            try:
                stored = self._store.build(repository, number)
                revision = stored.revision
                stage = find_stage(stored.value, stage_id)
                attempt = attempt or (stage.current[-1].number if stage.current else None)
                found = next((each for each in stage.attempts if each.number == attempt), None)
                ended = found.status.finished if found else stage.status.finished
                for data in self._pieces(stored.value, stage, found, place):
                    yield Piece(place.offset, data, attempt or 0)
                    place.offset += len(data)
            except InfrastructureError as error:
                log.info("the log of %s of build %d of %s is waited for: %s", stage_id, number, repository, error)
            else:
                if ended:
                    return
            yield Piece(place.offset, b"", attempt or 0)
            pause_s = FIRST_PAUSE_S if place.offset > before else min(2 * pause_s, LONGEST_PAUSE_S)
            if self._changes.wait(keys.build_key(repository, number), revision, pause_s):
                pause_s = FIRST_PAUSE_S

    def _pieces(self, build: Build, stage: Stage, attempt: Attempt | None, place: _Place) -> Iterator[bytes]:
        """What can be had now: live while the attempt runs, from the store once it has ended or its log is too long."""
        if attempt is None or not (attempt.launched_at or attempt.status.finished):
            return
        if not attempt.status.finished and not self._is_too_long(build, stage, attempt, place):
            place.stored = None
            head = self._stored_head(build, stage, attempt)
            yield from self._live(JobRef(build.pipeline.namespace, attempt.job), place, head)
        else:
            yield from self._stored(build, stage, attempt, place)

    def _stored_head(self, build: Build, stage: Stage, attempt: Attempt) -> bytes:
        """How a running attempt's log begins, as far as it is stored, and where a launcher may have lost that part."""
        if not self._launcher.live_log.loses_returns:
            return b""
        prefix = keys.log_prefix(build.repository, build.number, stage.id, attempt.number)
        first = next(self._read_chunks(prefix, 0), b"")[:HEAD_BYTES]
        return first.removesuffix(b"\r").replace(b"\r\n", b"\n")

    def _live(self, job: JobRef, place: _Place, head: bytes) -> Iterator[bytes]:
        """Yield from the container what lies past the place, and b"" while it is silent, until it ends or its log is
        too long to be had from there: also where that does not begin as the stored log does."""
        live = self._launcher.live_log
        skip, size = place.offset, 0
        with self._launcher.follow(job) as stream:
            for data in pumped(stream, self._changes):
                if data and head and size == 0 and not _begin_alike(data, head):
                    place.too_long = True
                    return
                yield data[skip:]
                skip = max(0, skip - len(data))
                size += live.size(data)
                if size >= live.reach:
                    place.too_long = True
                    return

    def _is_too_long(self, build: Build, stage: Stage, attempt: Attempt, place: _Place) -> bool:
        """Whether a running attempt's log, as far as it is stored, is more than a container surely has from its
        beginning: who begins to follow now might get its newest part instead, and not know it."""
        live = self._launcher.live_log
        prefix = keys.log_prefix(build.repository, build.number, stage.id, attempt.number)
        if not place.too_long:
            stored = sum(item.size for item in self._objects.list(f"{prefix}chunk-"))
            place.too_long = stored >= live.reach
            if stored < live.reach <= stored * (1 + live.line_bytes):  # it depends on how many lines that is
                sizes = accumulate(map(live.size, self._read_chunks(prefix, 0)))
                place.too_long = any(size >= live.reach for size in sizes)
        return place.too_long

    def _stored(self, build: Build, stage: Stage, attempt: Attempt, place: _Place) -> Iterator[bytes]:
        """Yield what is stored past the place, as the live log would have it; nothing before all of that is stored."""
        log_of = (build.repository, build.number, stage.id, attempt.number)
        loses, ended = self._launcher.live_log.loses_returns, attempt.status.finished
        if place.stored is None and loses:
            found, lacking = place_after(self.read(*log_of), place.offset, ended)
            if lacking and not ended:
                return
            place.stored = found
        place.stored = place.offset if place.stored is None else place.stored
        pieces = self.read(*log_of, place.stored)
        for data in _unsplit(pieces, ended) if loses else pieces:
            place.stored += len(data)
            yield data.replace(b"\r\n", b"\n") if loses else data

    def _read_chunks(self, prefix: str, offset: int) -> Iterator[bytes]:
        """Yield the chunks from `offset` on, up to the first gap."""
        for item in self._objects.list(f"{prefix}chunk-"):
            start = keys.log_chunk_offset(item.key)
            if start > offset:
                return
            if start + item.size > offset:
                try:
                    for data in self._objects.read(item.key, offset - start):
                        offset += len(data)
                        yield data
                except ObjectMissing:
                    return  # the stage has ended meanwhile, and removed it

    def _read_late_archive(self, prefix: str, offset: int) -> Iterator[bytes]:
        """The rest, where the stage has ended while its chunks were read: the archive comes before they go."""
        try:
            yield from self._objects.read(keys.log_archive(prefix), offset)
        except ObjectMissing:
            return  # it runs still, or died: there are chunks only


def place_after(log: Iterable[bytes], shown: int, ended: bool = True) -> tuple[int, int]:
    """How many bytes of `log` were needed for the first `shown` bytes of what it is without the carriage returns at
    the ends of its lines; and how many of those it lacks. Reads no further than it must, one piece at a time."""
    place, left = 0, shown
    for data in _unsplit(log, ended):
        size = len(data) - data.count(b"\r\n")
        if left <= size:
            return place + _needed(data, left), 0
        place, left = place + len(data), left - size
    return place, left


def _needed(data: bytes, shown: int) -> int:
    """How many bytes of `data` its first `shown` are, when those it loses are counted too."""
    needed = shown
    for lost in re.finditer(b"\r\n", data):
        if lost.start() >= needed:
            break
        needed += 1
    return needed


def _unsplit(log: Iterable[bytes], ended: bool) -> Iterator[bytes]:
    """The log in pieces of which none ends within a line's end. A carriage return at the end of all may begin one,
    unless the log has `ended`: it is kept back."""
    held = b""
    for piece in log:
        data = held + piece
        held = b"\r" if data.endswith(b"\r") else b""
        yield data.removesuffix(held)
    if held and ended:
        yield held


def _at_most(length: int, data: Iterator[bytes]) -> Iterator[bytes]:
    """The first `length` bytes of what is read."""
    while length > 0 and (piece := next(data, b"")):
        yield piece[:length]
        length -= len(piece)


def _begin_alike(data: bytes, head: bytes) -> bool:
    shared = min(len(data), len(head))
    return data[:shared] == head[:shared]
