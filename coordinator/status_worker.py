"""Posts commit statuses until GitHub shows the truth; `CommitRecords` is what GitHub has taken."""

import logging

from coordinator.build_feed import BuildFeed
from coordinator.commit_records import CommitRecords
from coordinator.github_api import Refused
from coordinator.links import build_url, github_host
from coordinator.outbox_worker import Gone, OutboxWorker
from coordinator.pauses import Pauses
from coordinator.settings import Settings
from coordinator.statuses import CommitRecord, Post, adopted, desired, outstanding, words
from coordinator.tokens import Tokens
from shared import keys
from shared.errors import NotFound
from shared.model import Build
from shared.ports import StatusHost
from shared.store_ports import KeyValue

log = logging.getLogger(__name__)


class StatusWorker(OutboxWorker[CommitRecord, Post]):
    """Keeps the statuses of all builds on one GitHub."""

    def __init__(
        self, settings: Settings, kv: KeyValue, feed: BuildFeed, host: StatusHost, pauses: Pauses | None = None
    ) -> None:
        prefix = f"{keys.BUILDS}{github_host(settings.github_url)}/"
        super().__init__("statuses", prefix, feed, CommitRecords(kv), pauses or Pauses(), settings.resync_s)
        self._settings = settings
        self._host = host
        self._tokens = Tokens(feed.builds, settings)

    def due(self, build: Build, record: CommitRecord) -> tuple[CommitRecord, tuple[Post, ...]]:
        """What GitHub does not show yet."""
        record = adopted(build, record)
        return record, outstanding(build, record)

    def gist(self, build: Build) -> object:
        """What GitHub should show, and what the stages have said themselves."""
        return desired(build), words(build)

    def name(self, post: Post) -> str:
        """The context."""
        return post.context

    def lanes(self, build: Build, posts: tuple[Post, ...]) -> tuple[str, ...]:
        """The repository with its token: with that all its statuses are posted."""
        return (self._tokens.lane(build.repository),) * len(posts)

    def send(self, build: Build, record: CommitRecord, post: Post) -> CommitRecord:
        """Post one status; what GitHub will never take is settled too."""
        try:
            token = self._tokens.of(build.repository)
        except NotFound as error:
            raise Gone(f"{build.repository} has no pipeline any more") from error
        shown = post.shown
        link = build_url(self._settings.kontinuous_url, build.repository, shown.build)
        try:
            self._host.post_status(build.repository, build.commit.sha, post.context, shown.status, link, token)
        except Refused as error:
            log.warning("%s build %d, %s: %s", build.repository, build.number, post.context, error)
            shown = shown.as_refused(str(error))
        return record.showing(post.context, shown)
