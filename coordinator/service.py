"""One coordinator, put together: the same on a cluster and on one machine, but for the adapters it is handed."""

import logging
import time
from contextlib import suppress

from coordinator.api.auth import issue
from coordinator.api.server import HttpServer, Parts, make_app
from coordinator.artifact_reader import ArtifactReader
from coordinator.build_feed import BuildFeed
from coordinator.builds import Builds
from coordinator.definitions import Definitions
from coordinator.delivery_intake import DeliveryIntake
from coordinator.delivery_records import DeliveryRecords
from coordinator.delivery_worker import DeliveryWorker
from coordinator.forge import Forge
from coordinator.github_oauth import GitHubOAuth
from coordinator.log_reader import LogReader
from coordinator.logins import Logins
from coordinator.metrics import Metrics
from coordinator.notification_worker import NotificationWorker
from coordinator.notifiers import notifiers
from coordinator.permissions import Permissions
from coordinator.pipelines import Pipelines
from coordinator.reach import Reach
from coordinator.reconcile import Reconciler
from coordinator.retention import Retention
from coordinator.settings import Settings
from coordinator.status_worker import StatusWorker
from coordinator.store import BuildStore
from coordinator.telling import Teller
from shared.errors import Conflict, InfrastructureError, NotFound
from shared.ports import Launcher, SecretIntake, SecretReader, SourceHost
from shared.store_ports import KeyValue, ObjectStore

POLL_S = 0.2
TELLING_S = 5.0
"""How long the last notifications may take while the service stops."""
LINGER_S = 2.0
"""How long the Jobs of ended builds may take to be gone by themselves while the service stops."""

log = logging.getLogger(__name__)


class Service:
    """The reconciler and the HTTP server over one set of adapters. Making it binds the port and starts nothing."""

    def __init__(
        self,
        settings: Settings,
        kv: KeyValue,
        objects: ObjectStore,
        launcher: Launcher,
        source: SourceHost,
        intake: SecretIntake | None = None,
        forge: Forge | None = None,
        secrets: SecretReader | None = None,
        oauth: GitHubOAuth | None = None,
    ) -> None:
        """`forge` is the source host again, where it is more than a source; without `secrets` nobody is notified."""
        self._settings, self._launcher = settings, launcher
        self._store = store = BuildStore(kv)
        self._feed = feed = BuildFeed(kv)
        logs = LogReader(store, objects, launcher, feed.changes)
        self._builds = builds = Builds(store, source, settings)
        metrics = Metrics()
        retention = Retention(store, objects, settings.retention_builds, launcher.release)
        self._reconciler = Reconciler(settings, kv, launcher, feed, retention, metrics)
        self._workers: list[StatusWorker | DeliveryWorker | NotificationWorker] = []
        if forge is not None:
            self._workers.append(StatusWorker(settings, kv, feed, forge))
            self._workers.append(DeliveryWorker(settings, kv, store, builds, source, forge))
        self._notifications = _notification_worker(settings, kv, feed, logs, secrets)
        if self._notifications is not None:
            self._workers.append(self._notifications)
        parts = Parts(
            settings=settings,
            kv=kv,
            objects=objects,
            store=store,
            pipelines=Pipelines(settings, store, DeliveryRecords(kv), retention, source, forge),
            builds=builds,
            retention=retention,
            logs=logs,
            artifacts=ArtifactReader(objects),
            changes=feed.changes,
            metrics=metrics,
            permissions=Permissions(source),
            deliveries=DeliveryIntake(settings, kv, store),
            definitions=Definitions(store, builds, source, forge),
            logins=Logins(settings, source, oauth),
            repositories=forge,
            intake=intake,
        )
        self._server = HttpServer(settings, make_app(parts))

    @property
    def port(self) -> int:
        """The port that the API is served on."""
        return self._server.port

    def run(self) -> None:
        """Reconcile and answer requests until `stop` is called from another thread."""
        self._feed.start()
        self._reconciler.start()
        for worker in self._workers:
            worker.start()
        self._server.serve()

    def stop(self) -> None:
        """End `run`; builds in flight go on by themselves."""
        self._feed.stop()
        self._reconciler.stop()
        for worker in self._workers:
            worker.stop()
        self._server.stop()

    def token(self, login: str) -> str:
        """A token for this machine's own user, who needs no access token of a source host."""
        return issue(self._settings.auth_secret, login)

    def drain(self, actor: str, limit_s: float) -> bool:
        """Cancel all builds that are running, and wait for their end and for their Jobs to be removed; a little while
        also for the last notifications.

        False when that is not so in time. Must be called before `stop`, while `run` still works on them.
        """
        begun = time.monotonic()
        while self._is_busy(actor, hurry=time.monotonic() > begun + LINGER_S):
            if time.monotonic() > begun + limit_s:
                return False
            time.sleep(POLL_S)
        told_by = time.monotonic() + TELLING_S
        while self._is_telling() and time.monotonic() < told_by:
            time.sleep(POLL_S)
        return True

    def _is_telling(self) -> bool:
        """Whether a notification can be sent now; those that wait for another try are sent by the next service."""
        try:
            return self._notifications is not None and self._notifications.owes(self._store.all_builds())
        except InfrastructureError as error:
            log.warning("it is not known who is to be told: %s", error)
            return False

    def _is_busy(self, actor: str, hurry: bool) -> bool:
        """Whether builds run or Jobs are there; with `hurry`, also Jobs whose build has ended are told to stop."""
        try:
            running = [build for _, build in self._store.all_builds() if not build.finished]
            for build in running:
                with suppress(Conflict, NotFound):
                    self._builds.cancel(build.repository, build.number, actor)
            left = self._launcher.jobs() if self._settings.remove_jobs else ()
            for job in left if hurry and not running else ():
                self._launcher.cancel(job.ref)
            return bool(running or left)
        except InfrastructureError as error:
            log.warning("the builds that run cannot be ended yet: %s", error)
            return True


def _notification_worker(
    settings: Settings,
    kv: KeyValue,
    feed: BuildFeed,
    logs: LogReader,
    secrets: SecretReader | None,
) -> NotificationWorker | None:
    if secrets is None:
        return None
    senders = notifiers(Reach(settings.notification_hosts))
    teller = Teller(settings.kontinuous_url, senders, secrets, logs)
    return NotificationWorker(settings, kv, feed, teller)
