"""Carrying out what `advance` decided. Every action may be repeated without harm, by this coordinator or another."""

import logging
import time
from collections import OrderedDict

from coordinator.advance import Action, Cancel, Discard, Forget, Launch, Release, with_launched, with_refused
from coordinator.build_secret import credential_files, secret_manifest
from coordinator.job_cache import JobCache
from coordinator.manifests import job_manifest
from coordinator.settings import Settings
from coordinator.store import BuildStore
from coordinator.tokens import Tokens
from shared import keys
from shared.clock import timestamp, utc_now
from shared.errors import InfrastructureError, InputError
from shared.model import Attempt, Build, Stage
from shared.ports import JobPhase, Launcher

RETRY_S = 2.0
REMEMBERED = 10_000
"""Of so many builds it is remembered that their Secret was removed; to do so again is only a wasted call."""

log = logging.getLogger(__name__)


class Actor:
    """Carries out actions on one launcher. Thread-safe for different builds."""

    def __init__(self, settings: Settings, store: BuildStore, launcher: Launcher, jobs: JobCache) -> None:
        self._settings = settings
        self._store = store
        self._launcher = launcher
        self._jobs = jobs
        self._tokens = Tokens(store, settings)
        self._released: OrderedDict[str, None] = OrderedDict()
        self._held: dict[str, float] = {}  # Job → when it may be launched again, by the monotonic clock

    def act(self, build: Build, action: Action) -> float | None:
        """Carry out one action; returns in how many seconds it must be tried again, None where it was done.

        Raises InfrastructureError when it cannot be done.
        """
        match action:
            case Launch():
                return self._launch(build, action)
            case Cancel():
                self._launcher.cancel(action.job)
            case Discard():
                self._discard(action)
            case Forget():
                self._jobs.forget(action.job)
            case Release():
                self._release(build)
            case _:
                raise ValueError(f"{action} is not an action")
        return None

    def clear(self, build_key: str) -> None:
        """End the Jobs of a build that was deleted: they have nobody to report to."""
        for job in self._jobs.of_build(build_key).values():
            match job.phase:
                case JobPhase.GONE:
                    self._jobs.forget(job.ref)
                case JobPhase.FINISHED:
                    self._discard(Discard(job.ref))
                case _:
                    self._launcher.cancel(job.ref)

    def _release(self, build: Build) -> None:
        """Remove the build's Secret, once: where Jobs are kept for a while, their build is looked at often."""
        secret = keys.build_secret_name(build.repository, build.number, build.run)
        if secret not in self._released:
            self._launcher.release(build.pipeline.namespace, secret)
            self._released[secret] = None
        while len(self._released) > REMEMBERED:
            self._released.popitem(last=False)

    def _launch(self, build: Build, action: Launch) -> float | None:
        stage, attempt = next(
            (stage, attempt)
            for stage in build.stages
            for attempt in stage.attempts
            if (stage.id, attempt.number) == (action.stage_id, action.attempt)
        )
        wait_s = self._held.get(attempt.job, 0.0) - time.monotonic()
        if wait_s > 0:  # noting the last failure changed the build, which alone is no reason to try again
            return wait_s
        try:
            self._submit(build, stage, attempt)
        except InputError as error:
            self._refuse(build, action, attempt, error)
            return 0.0
        except InfrastructureError as error:
            self._hold(build, action, attempt, error)
            return RETRY_S
        self._held.pop(attempt.job, None)
        self._note(build, action, launched_at=timestamp())
        return None

    def _submit(self, build: Build, stage: Stage, attempt: Attempt) -> None:
        credentials = {**credential_files(self._settings), **self._tokens.credentials(build)}
        secret = secret_manifest(build, self._settings, credentials)
        self._launcher.launch(job_manifest(build, stage, attempt, self._settings, credentials), [secret])

    def _refuse(self, build: Build, action: Launch, attempt: Attempt, error: InputError) -> None:
        log.warning("%s cannot be launched: %s", attempt.job, error)
        reason, now = str(error), utc_now()
        self._store.update_build(
            build.repository, build.number, lambda b: with_refused(b, action.stage_id, action.attempt, reason, now)
        )

    def _hold(self, build: Build, action: Launch, attempt: Attempt, error: InfrastructureError) -> None:
        log.warning("%s is not launched yet: %s", attempt.job, error)
        self._held[attempt.job] = time.monotonic() + RETRY_S
        self._note(build, action, waiting_for=str(error))

    def _note(self, build: Build, action: Launch, launched_at: str = "", waiting_for: str = "") -> None:
        self._store.update_build(
            build.repository,
            build.number,
            lambda b: with_launched(b, action.stage_id, action.attempt, launched_at, waiting_for),
        )

    def _discard(self, action: Discard) -> None:
        if self._settings.remove_jobs:
            self._launcher.remove(action.job)
            self._jobs.forget(action.job)
