"""What callers may do with pipelines: begin to serve a repository, and end it."""

import logging
import secrets

from coordinator.delivery_records import DeliveryRecords
from coordinator.retention import Retention
from coordinator.settings import Settings
from coordinator.store import BuildStore
from coordinator.tokens import Tokens
from shared import keys
from shared.errors import Conflict, InputError, KontinuousError
from shared.model import PipelineRecord, Repository
from shared.ports import HookHost, SourceHost

_SECRET_BYTES = 32

log = logging.getLogger(__name__)


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

    def create(self, repository: Repository, token: str) -> tuple[PipelineRecord, bool]:
        """Begin to serve a repository, and keep its creator's access `token`; where it has a pipeline, that gets this
        token from now on, and its webhook is made anew. Returns the record, and whether it is new.

        Where the host refuses the webhook, since it cannot reach our address, there is a pipeline all the same, and its
        record says so. Raises Conflict where it is being deleted, and what the host raises where it does not answer or
        the token may not: then there is no pipeline either, or it is as it was.
        """
        secret = secrets.token_hex(_SECRET_BYTES)
        try:
            record = self._store.create_pipeline(
                repository, self._source.clone_url(repository), *self._sealed(repository, token, secret)
            )
        except Conflict:
            if self._store.pipeline(repository).removing:
                raise
            return self._renew(repository, token, self._kept_secret(repository) or secret), False
        try:
            problem = self._add_hook(repository, secret, token)
        except KontinuousError:
            self._store.delete_pipeline(repository)
            raise
        if problem:
            record = self._store.renew_pipeline(repository, record.token, record.hook_secret, problem)
        return record, True

    def _renew(self, repository: Repository, token: str, secret: str) -> PipelineRecord:
        problem = self._add_hook(repository, secret, token)
        log.info("%s has another access token from now on", repository)
        return self._store.renew_pipeline(repository, *self._sealed(repository, token, secret), problem)

    def _kept_secret(self, repository: Repository) -> str:
        """What the webhook signs with, so that what is on its way stays valid; "" where that cannot be read."""
        try:
            return self._tokens.hook_secret(repository)
        except InputError:
            return ""

    def _sealed(self, repository: Repository, token: str, secret: str) -> tuple[str, str]:
        sealed_secret = self._tokens.sealed_hook_secret(repository, secret) if self._hooks else ""
        return self._tokens.sealed(repository, token), sealed_secret

    def _add_hook(self, repository: Repository, secret: str, token: str) -> str:
        if self._hooks is None:
            return ""
        return self._hooks.add_hook(repository, self._hook_url(repository), secret, token)

    def delete(self, repository: Repository, token: str) -> None:
        """End to serve a repository: remove its webhook, its builds with all they left, and its deliveries.

        Its record goes last: whatever is raised in between, it is there to be deleted again. Raises NotFound, and
        Conflict while a build runs.
        """
        self._require_rest(repository)
        if self._hooks is not None:
            self._hooks.remove_hook(repository, self._hook_url(repository), token)
        self._remove(repository)

    def delete_anyway(self, repository: Repository) -> str:
        """The same for the operator, whatever the host says, with the pipeline's own token; returns why its webhook
        may still be there, or ""."""
        self._require_rest(repository)
        problem = ""
        if self._hooks is not None:
            try:
                self._hooks.remove_hook(repository, self._hook_url(repository), self._tokens.of(repository))
            except KontinuousError as error:
                problem = str(error)
        self._remove(repository)
        return problem

    def _require_rest(self, repository: Repository) -> None:
        self._store.pipeline(repository)
        running = next((build for build in self._store.builds(repository) if not build.finished), None)
        if running is not None:
            raise Conflict(f"build {running.number} of {repository} still runs: cancel it first, or wait for its end")

    def _remove(self, repository: Repository) -> None:
        self._store.begin_deletion(repository)
        while builds := self._store.builds(repository):  # more than once: some may have had their number already
            for build in builds:
                self._retention.remove(build)
        self._deliveries.forget(repository)
        self._store.delete_pipeline(repository)

    def _hook_url(self, repository: Repository) -> str:
        return self._url + keys.hook_path(repository)
