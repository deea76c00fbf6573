"""What callers may do with pipelines: begin to serve a repository, and end it."""

import secrets

from coordinator.delivery_records import DeliveryRecords
from coordinator.retention import Retention
from coordinator.settings import Settings
from coordinator.store import BuildStore
from coordinator.tokens import Tokens
from shared import keys
from shared.errors import Conflict, KontinuousError
from shared.model import PipelineRecord, Repository
from shared.ports import HookHost, SourceHost

_SECRET_BYTES = 32


class Pipelines:
    """Creates and deletes pipelines, each with its webhook where the source host has such."""

    def __init__(
        self,
        settings: Settings,
        store: BuildStore,
        deliveries: DeliveryRecords,
        retention: Retention,
        source: SourceHost,
        hooks: HookHost | None,
    ) -> None:
        self._store = store
        self._deliveries = deliveries
        self._retention = retention
        self._source = source
        self._hooks = hooks
        self._tokens = Tokens(store, settings)
        self._url = settings.kontinuous_url.rstrip("/")

    def create(self, repository: Repository, token: str) -> PipelineRecord:
        """Begin to serve a repository, and keep its creator's access `token`.

        Raises Conflict where it has a pipeline, and what the host raises where no webhook can be made: then there is
        no pipeline either.
        """
        secret = secrets.token_hex(_SECRET_BYTES)
        record = self._store.create_pipeline(
            repository,
            self._source.clone_url(repository),
            self._tokens.sealed(repository, token),
            self._tokens.sealed_hook_secret(repository, secret) if self._hooks else "",
        )
        if self._hooks is not None:
            try:
                self._hooks.add_hook(repository, self._hook_url(repository), secret, token)
            except KontinuousError:
                self._store.delete_pipeline(repository)
                raise
        return record

    def delete(self, repository: Repository, token: str) -> None:
        """End to serve a repository: remove its webhook, its builds with all they left, and its deliveries.

        Its record goes last: whatever is raised in between, it is there to be deleted again. Raises NotFound, and
        Conflict while a build runs.
        """
        self._store.pipeline(repository)
        running = next((build for build in self._store.builds(repository) if not build.finished), None)
        if running is not None:
            raise Conflict(f"build {running.number} of {repository} still runs: cancel it first, or wait for its end")
        if self._hooks is not None:
            self._hooks.remove_hook(repository, self._hook_url(repository), token)
        self._store.begin_deletion(repository)
        while builds := self._store.builds(repository):  # more than once: some may have had their number already
            for build in builds:
                self._retention.remove(build)
        self._deliveries.forget(repository)
        self._store.delete_pipeline(repository)

    def _hook_url(self, repository: Repository) -> str:
        return self._url + keys.hook_path(repository)
