"""Retention: a pipeline keeps its newest finished builds; older ones go, with their logs and artifacts."""

import logging

from coordinator.store import BuildStore
from shared import keys
from shared.model import Build, Repository
from shared.ports import ObjectStore

log = logging.getLogger(__name__)


class Retention:
    """Removes what is older than the newest `keep` finished builds of a pipeline."""

    def __init__(self, store: BuildStore, objects: ObjectStore, keep: int) -> None:
        self._store = store
        self._objects = objects
        self._keep = keep

    def apply(self, repository: Repository) -> None:
        """Remove what is too old. Raises StoreError; the next build's end tries again."""
        finished = [build for build in self._store.builds(repository) if build.finished]
        for build in finished[self._keep :]:
            self.remove(build)

    def remove(self, build: Build) -> None:
        """Remove a build with its logs and artifacts. Raises StoreError; then it may be tried again."""
        objects = self._objects.list(keys.objects_prefix(build.repository, build.number))
        self._objects.delete(item.key for item in objects)
        self._store.delete_build(build)
        log.info("removed build %d of %s", build.number, build.repository)
