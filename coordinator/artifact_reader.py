"""Reading artifacts: the files that a stage's attempt has kept in S3 below its prefix, under their own paths."""

import mimetypes
from collections.abc import Iterator
from dataclasses import dataclass

from shared import keys
from shared.artifacts import fits_key
from shared.errors import NotFound, ObjectMissing
from shared.model import Repository
from shared.store_ports import ObjectStore

UNKNOWN = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class KeptFile:
    """One artifact: its path in the workspace, its size in bytes, and what its name says that it is."""

    path: str
    size: int
    content_type: str


class ArtifactReader:
    """Reads the artifacts of attempts. Every call raises StoreError when S3 cannot be reached."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._types = mimetypes.MimeTypes()  # Python's own list: the same on every machine

    def list(self, repository: Repository, number: int, stage_id: str, attempt: int) -> tuple[KeptFile, ...]:
        """All artifacts of an attempt, by path: also those that its report had no room for."""
        prefix = keys.artifacts_prefix(repository, number, stage_id, attempt)
        found = ((item.key.removeprefix(prefix), item.size) for item in self._objects.list(prefix))
        return tuple(KeptFile(path, size, self._type(path)) for path, size in found)

    def find(self, repository: Repository, number: int, stage_id: str, attempt: int, path: str) -> KeptFile:
        """One artifact; raises NotFound, also for a path that would lead elsewhere."""
        missing = NotFound(f"stage {stage_id!r} of build {number}, attempt {attempt}, has no artifact {path!r}")
        if not fits_key(path) or not {"", ".", ".."}.isdisjoint(path.split("/")):
            raise missing  # S3 has no folders, but what keeps its objects as files may follow a `..`
        try:
            size = self._objects.size(keys.artifacts_prefix(repository, number, stage_id, attempt) + path)
        except ObjectMissing as error:
            raise missing from error
        return KeptFile(path, size, self._type(path))

    def read(
        self, repository: Repository, number: int, stage_id: str, attempt: int, path: str, offset: int, length: int
    ) -> Iterator[bytes]:
        """Yield at most `length` bytes of an artifact that was found, from `offset` on, in small pieces."""
        return self._objects.read(keys.artifacts_prefix(repository, number, stage_id, attempt) + path, offset, length)

    def _type(self, path: str) -> str:
        kind, encoding = self._types.guess_type(path, strict=False)
        return kind if kind and not encoding else UNKNOWN
