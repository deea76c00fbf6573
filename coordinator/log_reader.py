"""Reading logs: from the archive of a finished attempt, its chunks, or live from its container.

What a stage writes to stdout is byte for byte what it archives, so an offset means the same byte in all three
places, and a reader may change from one to the other without losing or repeating any.
"""

import logging
from collections.abc import Iterator

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
    ) -> Iterator[bytes]:
        """Yield the log from byte `offset` on, as it is written, until the attempt has ended or the service stops.

        Yields b"" at once and while nothing comes, so that a caller can notice that its reader has left. Without
        `attempt`, it is the newest one that the stage has, or else its first, which is waited for. Waits while a
        store or the launcher is down; raises NotFound where the build is no more.
        """
        yield b""
        pause_s = FIRST_PAUSE_S
        while not self._changes.closed:
            before, revision = offset, 0
            try:
                stored = self._store.build(repository, number)
                revision = stored.revision
                stage = find_stage(stored.value, stage_id)
                attempt = attempt or len(stage.attempts) or None
                found = next((each for each in stage.attempts if each.number == attempt), None)
                ended = found.status.finished if found else stage.status.finished
                for data in self._pieces(stored.value, stage, found, offset):
                    offset += len(data)
                    yield data
            except InfrastructureError as error:
                log.info("the log of %s of build %d of %s is waited for: %s", stage_id, number, repository, error)
            else:
                if ended:
                    return
            yield b""
            pause_s = FIRST_PAUSE_S if offset > before else min(2 * pause_s, LONGEST_PAUSE_S)
            if self._changes.wait(keys.build_key(repository, number), revision, pause_s):
                pause_s = FIRST_PAUSE_S

    def _pieces(self, build: Build, stage: Stage, attempt: Attempt | None, offset: int) -> Iterator[bytes]:
        """What can be had now: live while the attempt runs, from the store once it has ended."""
        if attempt is None or not (attempt.launched_at or attempt.status.finished):
            return
        if attempt.status.finished:
            yield from self.read(build.repository, build.number, stage.id, attempt.number, offset)
        else:
            yield from self._live(build, attempt, offset)

    def _live(self, build: Build, attempt: Attempt, offset: int) -> Iterator[bytes]:
        """Yield from the container what lies past `offset`, and b"" while it is silent, until it ends."""
        skip = offset
        with self._launcher.follow(JobRef(build.pipeline.namespace, attempt.job)) as stream:
            for data in pumped(stream, self._changes):
                yield data[skip:]
                skip = max(0, skip - len(data))

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


def find_stage(build: Build, stage_id: str) -> Stage:
    """A build's stage by id or name; raises NotFound that lists the stages there are."""
    for stage in build.stages:
        if stage_id in (stage.id, stage.spec.name):
            return stage
    names = ", ".join(stage.id for stage in build.stages)
    raise NotFound(f"build {build.number} of {build.repository} has no stage {stage_id!r}; it has {names}")
