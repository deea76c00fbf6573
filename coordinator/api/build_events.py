"""The route that watches a build as an event stream."""

import logging
import time
from collections.abc import Iterator

from coordinator.api.builds import BUILD
from coordinator.api.callers import Callers
from coordinator.api.errors import JsonBottle
from coordinator.api.operation import EVENTS, Operation
from coordinator.api.streams import KEEP_ALIVE, Streams, event
from coordinator.changes import BuildChanges
from coordinator.store import BuildStore
from coordinator.views import build_view
from shared import keys
from shared.errors import StoreError
from shared.model import Repository

KEEP_ALIVE_S = 2.0
STORE_PAUSE_S = 1.0
READ_AGAIN_S = 30.0
"""How long it is believed that nothing has changed."""

log = logging.getLogger(__name__)


def add_routes(app: JsonBottle, store: BuildStore, changes: BuildChanges, streams: Streams, callers: Callers) -> None:
    """Add the route."""

    @app.get(f"{BUILD}/events", operation=Operation(media=(EVENTS,)))
    def watch_build(host: str, owner: str, name: str, number: int) -> Iterator[bytes]:
        """Watch a build: an event `build` now and after each change, `end` once it has ended."""
        repository = callers.reading(host, owner, name)
        store.build(repository, number)
        return streams.open(_build_events(store, changes, repository, number))


def _build_events(store: BuildStore, changes: BuildChanges, repository: Repository, number: int) -> Iterator[bytes]:
    """The build now and after each change; keeps the reader waiting while the store is down."""
    key = keys.build_key(repository, number)
    revision = -1
    while not changes.closed:
        try:
            stored = store.build(repository, number)
        except StoreError as error:
            log.info("the events of build %d of %s are waited for: %s", number, repository, error)
            yield KEEP_ALIVE
            changes.wait(key, revision, STORE_PAUSE_S)
            continue
        if stored.revision != revision:
            revision = stored.revision
            yield event("build", build_view(stored.value))
        if stored.value.finished:
            yield event("end", {})
            return
        read_again_at = time.monotonic() + READ_AGAIN_S
        while not changes.wait(key, revision, KEEP_ALIVE_S):
            yield KEEP_ALIVE
            if changes.closed or changes.revision(key) == 0 or time.monotonic() > read_again_at:
                break  # it is gone, or was not seen yet
