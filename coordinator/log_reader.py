"""Reading logs: from the archive of a finished attempt, its chunks, or live from its container.

What a stage writes to stdout is byte for byte what it archives, so an offset means the same byte in all three
places, and a reader may change from one to the other without losing or repeating any.
"""

import logging
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from coordinator.changes import BuildChanges
from coordinator.pump import pumped
from coordinator.store import BuildStore
from shared import keys
from shared.errors import InfrastructureError, NotFound, ObjectMissing
from shared.model import Attempt, Build, Repository, Stage
from shared.ports import JobRef, Launcher, ObjectStore

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 2.0

log = logging.getLogger(__name__)


class Piece(NamedTuple):
    """Some bytes of a log, none for a sign of life, and where in it they are."""

    offset: int
    data: bytes


class LogReader:
    """Reads the log of one attempt, whole or as it grows."""

    def __init__(self, store: BuildStore, objects: ObjectStore, launcher: Launcher, changes: BuildChanges) -> None:
        self._store = store
        self._objects = objects
        self._launcher = launcher
        self._changes = changes

    def read(
        self, repository: Repository, number: int, stage_id: str, attempt: int, offset: int = 0
    ) -> Iterator[bytes]:
        """Yield what is stored from byte `offset` on: the archive, or the chunks there are so far."""
        prefix = keys.log_prefix(repository, number, stage_id, attempt)
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

        Yields no bytes at once and while none come, so that a caller can notice that its reader has left. Without
        `attempt`, it is the newest one of the build's present run, or else its first, which is waited for. Waits
        while a store or the launcher is down; raises NotFound where the build is no more.
        """
        yield Piece(offset, b"")
        pause_s = FIRST_PAUSE_S
        was_live = False
        while not self._changes.closed:
            before, revision = offset, 0
            try:
                stored = self._store.build(repository, number)
                revision = stored.revision
                stage = find_stage(stored.value, stage_id)
                attempt = attempt or (stage.current[-1].number if stage.current else None)
                found = next((each for each in stage.attempts if each.number == attempt), None)
                ended = found.status.finished if found else stage.status.finished
                is_live = self._is_live(found, offset)
                if was_live and not is_live:
                    offset = self._place_in_store(stored.value, stage, found, offset)
                was_live = is_live
                for data in self._pieces(stored.value, stage, found, offset):
                    yield Piece(offset, data)
                    offset += len(data)
            except InfrastructureError as error:
                log.info("the log of %s of build %d of %s is waited for: %s", stage_id, number, repository, error)
            else:
                if ended:
                    return
            yield Piece(offset, b"")
            pause_s = FIRST_PAUSE_S if offset > before else min(2 * pause_s, LONGEST_PAUSE_S)
            if self._changes.wait(keys.build_key(repository, number), revision, pause_s):
                pause_s = FIRST_PAUSE_S

    def _pieces(self, build: Build, stage: Stage, attempt: Attempt | None, offset: int) -> Iterator[bytes]:
        """What can be had now: live while the attempt runs, from the store once it has ended."""
        if attempt is None or not (attempt.launched_at or attempt.status.finished):
            return
        if self._is_live(attempt, offset):
            yield from self._live(build, attempt, offset)
        else:
            yield from self.read(build.repository, build.number, stage.id, attempt.number, offset)

    def _is_live(self, attempt: Attempt | None, offset: int) -> bool:
        """Whether the container can give what comes at `offset`; else the store must."""
        return attempt is not None and not attempt.status.finished and offset < self._launcher.live_log.reach

    def _live(self, build: Build, attempt: Attempt, offset: int) -> Iterator[bytes]:
        """Yield from the container what lies past `offset`, and b"" while it is silent, until it ends or its log is
        too long to be had from there."""
        skip = offset
        with self._launcher.follow(JobRef(build.pipeline.namespace, attempt.job)) as stream:
            for data in pumped(stream, self._changes):
                yield data[skip:]
                offset += max(0, len(data) - skip)
                skip = max(0, skip - len(data))
                if offset >= self._launcher.live_log.reach:
                    return

    def _place_in_store(self, build: Build, stage: Stage, attempt: Attempt | None, shown: int) -> int:
        """Where in the stored log one goes on who was shown `shown` bytes live."""
        if attempt is None or not self._launcher.live_log.loses_returns:
            return shown
        return place_after(self.read(build.repository, build.number, stage.id, attempt.number), shown)

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


def place_after(log: Iterable[bytes], shown: int) -> int:
    """How many bytes of `log` were needed for the first `shown` bytes of what it is without the carriage returns at
    the ends of its lines."""
    place, left, rest = 0, shown, b""
    for piece in log:
        rest += piece
        *lines, rest = rest.split(b"\n")
        for line in lines:
            size = len(line) + 1 - line.endswith(b"\r")
            if left < size:
                return place + left
            place, left = place + len(line) + 1, left - size
    return place + min(left, len(rest))


def find_stage(build: Build, stage_id: str) -> Stage:
    """A build's stage by id or name; raises NotFound that lists the stages there are."""
    for stage in build.stages:
        if stage_id in (stage.id, stage.spec.name):
            return stage
    names = ", ".join(stage.id for stage in build.stages)
    raise NotFound(f"build {build.number} of {build.repository} has no stage {stage_id!r}; it has {names}")
