"""Reading logs: from the archive of a finished attempt, its chunks, or live from its container.

What a stage writes to stdout is byte for byte what it archives, so an offset means the same byte in all three
places, and a reader may change from one to the other without losing or repeating any.
"""

from collections.abc import Iterator

from coordinator.changes import BuildChanges
from coordinator.store import BuildStore
from shared import keys
from shared.errors import NotFound, ObjectMissing
from shared.model import Attempt, Build, Repository, Stage
from shared.ports import JobRef, Launcher, ObjectStore

PAUSE_S = 0.2
CHANGE_S = 5.0


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
            yield from self._read_chunks(prefix, offset)

    def follow(
        self, repository: Repository, number: int, stage_id: str, attempt: int | None, offset: int = 0
    ) -> Iterator[bytes]:
        """Yield the log from byte `offset` on, as it is written, until the attempt has ended.

        Yields b"" now and then while nothing comes, so that a caller can notice that its reader has left.
        Without `attempt`, it is the stage's newest, waited for where there is none yet.
        """
        for found in self._until_ended(repository, number, stage_id, attempt):
            yield b""
            for data in self._live(*found, offset):
                offset += len(data)
                yield data
        if attempt is None:
            attempt = self._newest(self._store.build(repository, number).value, stage_id)
        if attempt:
            yield from self.read(repository, number, stage_id, attempt, offset)

    def _until_ended(
        self, repository: Repository, number: int, stage_id: str, attempt: int | None
    ) -> Iterator[tuple[Build, Attempt]]:
        """Yield the attempt while it runs, again and again; waits while there is none."""
        key = keys.build_key(repository, number)
        while not self._changes.closed:
            stored = self._store.build(repository, number)
            stage = find_stage(stored.value, stage_id)
            wanted = attempt or len(stage.attempts)
            found = next((a for a in stage.attempts if a.number == wanted), None)
            if stored.value.finished or stage.status.finished or (found and found.status.finished):
                return
            if found and found.launched_at:
                yield stored.value, found
                self._changes.wait(key, stored.revision, PAUSE_S)
            else:
                self._changes.wait(key, stored.revision, CHANGE_S)

    def _live(self, build: Build, attempt: Attempt, offset: int) -> Iterator[bytes]:
        """Yield from the container what lies past `offset`, until the container ends."""
        skip = offset
        with self._launcher.follow(JobRef(build.pipeline.namespace, attempt.job)) as stream:
            for data in stream:
                if len(data) <= skip:
                    skip -= len(data)
                    continue
                yield data[skip:]
                skip = 0

    def _read_chunks(self, prefix: str, offset: int) -> Iterator[bytes]:
        for item in self._objects.list(f"{prefix}chunk-"):
            start = keys.log_chunk_offset(item.key)
            if start + item.size > offset:
                for data in self._objects.read(item.key, max(0, offset - start)):
                    offset += len(data)
                    yield data

    @staticmethod
    def _newest(build: Build, stage_id: str) -> int:
        return len(find_stage(build, stage_id).attempts)


def find_stage(build: Build, stage_id: str) -> Stage:
    """A build's stage by id or name; raises NotFound that lists the stages there are."""
    for stage in build.stages:
        if stage_id in (stage.id, stage.spec.name):
            return stage
    names = ", ".join(stage.id for stage in build.stages)
    raise NotFound(f"build {build.number} of {build.repository} has no stage {stage_id!r}; it has {names}")
