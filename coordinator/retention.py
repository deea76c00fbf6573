"""Retention: a pipeline keeps its newest finished builds; older ones go, with their logs and artifacts."""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from coordinator.store import BuildStore
from shared import keys
from shared.errors import Conflict, NotFound
from shared.model import Build, Repository
from shared.store_ports import ObjectStore

Release = Callable[[str, str], None]

log = logging.getLogger(__name__)


class Retention:
    """Removes what is older than the newest `keep` finished builds of a pipeline."""

    def __init__(self, store: BuildStore, objects: ObjectStore, keep: int, release: Release) -> None:
        """`release` removes a Secret, by its namespace and name, as a Launcher does."""
        self._store = store
        self._objects = objects
        self._keep = keep
        self._release = release

    def apply(self, repository: Repository) -> None:
        """Remove what is too old. Raises InfrastructureError; the next build's end tries again."""
        finished = [build for build in self._store.builds(repository) if build.finished]
        for build in finished[self._keep :]:
            with suppress(Conflict):  # it was resumed
                self.remove(build)

    def remove(self, build: Build) -> None:
        """Remove a finished build with its logs and artifacts; its number is not given out again.

        Raises Conflict where it runs, and InfrastructureError; then it may be tried again.
        """
        with suppress(NotFound):  # another coordinator was faster, or began and could not end it
            self._store.update_build(build.repository, build.number, _as_removed)  # else it might be resumed meanwhile
        secret = keys.build_secret_name(build.repository, build.number, build.run)
        self._release(build.pipeline.namespace, secret)  # mostly it went at the build's end
        objects = self._objects.list(keys.objects_prefix(build.repository, build.number))
        self._objects.delete(item.key for item in objects)
        self._store.delete_build(build)
        log.info("removed build %d of %s", build.number, build.repository)


def _as_removed(build: Build) -> Build:
    if not build.finished:
        raise Conflict(f"build {build.number} of {build.repository} still runs: cancel it first, or wait for its end")
    return replace(build, removing=True)
