"""Posts what an outbox owes until nothing is left: level-triggered, through outages, by one or more coordinators.

A build is looked at when it changes, and again until nothing of it is left to post; before each post its record is
claimed. What fails pauses its lane: nothing of that lane is posted until the pause is over, and other lanes go on.
"""

import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Generic, TypeVar

from coordinator.build_feed import BuildFeed
from coordinator.outbox import Held, Outbox, OutboxRecord
from coordinator.pauses import Pauses
from coordinator.queue_worker import QueueWorker
from coordinator.store import Stored
from shared.clock import timestamp
from shared.errors import KontinuousError
from shared.model import Build

WORKERS = 4
TOGETHER_S = 0.2
"""What changes within this time is looked at together."""
HELD_S = 1.0
COURTESY_S = 1.0
"""How much later than the coordinator that works on a build the others look at what is to be posted of it."""

R = TypeVar("R", bound=OutboxRecord)
P = TypeVar("P")

log = logging.getLogger(__name__)


class Gone(KontinuousError):
    """What a post belongs to is not there any more, and the build is about to go too: nothing is to be said."""


class OutboxWorker(ABC, Generic[R, P]):
    """Keeps one outbox of the builds below `prefix` empty. `start` begins, `stop` ends its threads."""

    def __init__(
        self,
        name: str,
        prefix: str,
        feed: BuildFeed,
        outbox: Outbox[R],
        pauses: Pauses,
        resync_s: float,
    ) -> None:
        self._prefix = prefix
        self._changes = feed.changes
        self._builds = feed.builds
        self._outbox = outbox
        self._pauses = pauses
        self._resync_s = resync_s
        self._worker = QueueWorker(name, self._look_at, WORKERS, resync_s)
        self._settled: dict[str, int] = {}
        self._quiet: dict[str, object] = {}  # builds that go on, of which nothing was left to post → their gist then
        self._unwritten: dict[str, tuple[Held[R], R]] = {}

    def start(self) -> None:
        """Begin to watch and to work; returns at once."""
        self._worker.start(self._watch)

    def stop(self) -> None:
        """Stop all threads, waiting a few seconds for them."""
        self._worker.stop()

    @abstractmethod
    def due(self, build: Build, record: R) -> tuple[R, tuple[P, ...]]:
        """What is to be posted of a build, in this order; and the record with what is known besides."""

    @abstractmethod
    def name(self, post: P) -> str:
        """What a post is called in its record."""

    @abstractmethod
    def lanes(self, build: Build, posts: tuple[P, ...]) -> tuple[str, ...]:
        """For each of these posts the name of what waits together when it fails."""

    @abstractmethod
    def send(self, build: Build, record: R, post: P) -> R:
        """Post it; returns the record with what came of it. What it raises of ours leads to another try; or Gone."""

    def concerns(self, build: Build) -> bool:
        """Whether anything is ever posted of a build."""
        return True

    @abstractmethod
    def gist(self, build: Build) -> object:
        """All of a build that `due` goes by: while it is the same, nothing new is due."""

    def failed(self, record: R, post: P, error: KontinuousError) -> R:
        """The record when a post could not be made now."""
        return record

    def shown(self, build: Build, record: R) -> Build:
        """The build, with what it is to show of its record."""
        return build

    def owes(self, builds: Iterable[tuple[str, Build]]) -> bool:
        """Whether anything is to be posted now of these builds, by their keys; what waits for another try is not."""
        for key, build in builds:
            if key not in self._settled and self.concerns(build):
                _, posts = self.due(build, self._outbox.read(build).record)
                if posts and any(self._pauses.left_s(lane) == 0 for lane in self.lanes(build, posts)):
                    return True
        return False

    def _watch(self) -> None:
        """Look at each build that changes; it begins with all there are, but for those that were settled before."""
        self._settled = dict(self._outbox.settled())
        for news in self._changes.follow(self._worker.stopping):
            if news.is_gone:
                self._settled.pop(news.key, None)
                self._quiet.pop(news.key, None)
            elif news.key.startswith(self._prefix) and self._settled.get(news.key) != news.revision:
                courtesy_s = COURTESY_S if self._builds.is_elsewhere(news.key) else 0.0
                self._worker.queue.add(news.key, TOGETHER_S + courtesy_s)

    def _look_at(self, key: str) -> float | None:
        """Post what is due; returns in how many seconds to look again, None where that needs a change."""
        if key in self._unwritten:
            self._write_down(key)
        while (stored := self._builds.build_at(key)) is not None:
            build = stored.value
            if not self.concerns(build) or self._quiet.get(key) == self.gist(build):
                return None
            held = self._outbox.read(build)
            if not held.is_free(timestamp()):
                return HELD_S
            record, posts = self.due(build, held.record)
            shown = self.shown(build, record)
            if shown != build:
                self._builds.replace_build(stored, shown)
                continue
            if not posts:
                return self._settle(key, stored, held, record)
            lanes = self.lanes(build, posts)
            wait_s, chosen = min((self._pauses.left_s(lane), n) for n, lane in enumerate(lanes))
            if wait_s > 0:
                return min(wait_s, self._resync_s)  # the lane may be another by then
            now = self._builds.build_now(key)
            if now is None or now.revision != stored.revision:
                continue  # lest what was true before is posted over what another coordinator has posted since
            again_s = self._post(key, build, Held(held.key, record, held.revision), posts[chosen], lanes[chosen])
            if again_s is not None:
                return again_s
        return None

    def _settle(self, key: str, stored: Stored[Build], held: Held[R], record: R) -> float | None:
        """Note that nothing is left to post, for as long as the build does not change."""
        number = str(stored.value.number)
        if stored.value.finished and record.settled.get(number) != stored.revision:
            record = record.with_settled(number, stored.revision)
        if record != held.record and not self._outbox.write(held, record):
            return 0.0
        if stored.value.finished:
            self._settled[key] = stored.revision
            self._quiet.pop(key, None)
        else:
            self._quiet[key] = self.gist(stored.value)
        return None

    def _post(self, key: str, build: Build, held: Held[R], post: P, lane: str) -> float | None:
        """Make one post under a claim; returns in how many seconds to look again, None for at once."""
        claimed = self._outbox.hold(held, os.urandom(8).hex(), self.name(post))
        if claimed is None:
            return HELD_S
        try:
            record = self.send(build, claimed.record, post)
        except Gone:
            self._outbox.release(claimed)
            return self._resync_s
        except KontinuousError as error:
            pause_s = self._pauses.after(lane, error)
            log.warning(
                "%s build %d, %s: %s; again in %.0f s", build.repository, build.number, self.name(post), error, pause_s
            )
            record = self.failed(claimed.record, post, error)
        else:
            self._pauses.clear(lane)
        self._unwritten[key] = claimed, record
        return None if self._write_down(key) else 0.0

    def _write_down(self, key: str) -> bool:
        """Note what came of a post. Where etcd is away, this comes first when it is back, lest the post be repeated."""
        claimed, record = self._unwritten[key]
        written = self._outbox.release(claimed, record)
        del self._unwritten[key]
        return written
