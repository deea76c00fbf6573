"""What callers may do with builds, whichever face they come through."""

import logging
from collections.abc import Callable, Collection
from dataclasses import replace

from coordinator.allowed_namespaces import check_namespace
from coordinator.expand import Request, expand, needs_image, with_defaults
from coordinator.manifests import check_contexts
from coordinator.resuming import with_resumed
from coordinator.settings import Settings
from coordinator.store import BuildStore
from shared.catalogue import known_types
from shared.clock import timestamp
from shared.errors import Conflict
from shared.model import Build, Commit, Pipeline, Repository, Trigger
from shared.pipeline_file import Parsed, parse
from shared.ports import SourceHost
from shared.problems import PIPELINE_FILE, Problem
from shared.status import Status

_NO_COMMIT = Commit("0" * 40)

log = logging.getLogger(__name__)


class Builds:
    """Creates, cancels and resumes builds."""

    def __init__(self, store: BuildStore, source: SourceHost, settings: Settings) -> None:
        self._store = store
        self._source = source
        self._settings = settings

    def create(
        self, repository: Repository, ref: str, trigger: Trigger, token: str, only: Collection[str] = ()
    ) -> Build:
        """Start a build of a branch, tag or commit (no `ref`: of the default branch): read its file, expand, store.

        A commit that is named by its SHA alone, and is not known to be the repository's own, is built as a fork's.
        `token` is the caller's access token at the source host. `only` names the stages to run; all others are skipped.
        Raises NotFound for the repository, the ref or the file, and PipelineFileError or InputError for what the file
        says.
        """
        self._store.pipeline(repository)
        ref = ref or self._source.describe(repository, token).default_branch
        commit = self._source.commit(repository, ref, token)
        fork_base = "" if commit.ref else self._source.fork_base(repository, commit.sha, token)
        return self._store.create_build(repository, self.prepared(repository, commit, trigger, token, only, fork_base))

    def prepared(
        self,
        repository: Repository,
        commit: Commit,
        trigger: Trigger,
        token: str,
        only: Collection[str] = (),
        fork_base: str = "",
    ) -> Callable[[int], Build]:
        """Read a commit's pipeline file and expand it; returns what makes the build of a number. Nothing is stored.

        With `fork_base` the commit is a fork's, and the file is read at that commit of the base branch. Raises as
        `create` does.
        """
        text = self._source.read_file(repository, PIPELINE_FILE, fork_base or commit.sha, token)
        pipeline = self._parsed(repository, text).pipeline
        asks_image = bool(only) and any(needs_image(spec) for spec in pipeline.stages)
        request = Request(
            repository=repository,
            commit=commit,
            clone_url=self._source.clone_url(repository),
            trigger=trigger,
            only=only,
            inherited_image=self._newest_image(repository) if asks_image else "",
            fork=bool(fork_base),
        )
        return self._maker(pipeline, request)

    def check(self, repository: Repository, text: str) -> tuple[Problem, ...]:
        """Read a pipeline file as for a build of all its stages; returns what may be wrong with it all the same.

        Raises PipelineFileError or InputError, as `create` does.
        """
        parsed = self._parsed(repository, text)
        self._maker(
            parsed.pipeline, Request(repository, _NO_COMMIT, self._source.clone_url(repository), Trigger("api"))
        )
        return parsed.warnings

    def _parsed(self, repository: Repository, text: str) -> Parsed:
        parsed = parse(text, known_types(self._settings.catalogue))
        check_namespace(repository, parsed.pipeline.namespace, self._settings.pipeline_namespaces)
        return replace(parsed, pipeline=with_defaults(parsed.pipeline, self._settings))

    def _maker(self, pipeline: Pipeline, request: Request) -> Callable[[int], Build]:
        def make(number: int) -> Build:
            build = expand(pipeline, request, number, self._settings.catalogue, timestamp())
            check_contexts(build, self._settings)
            return build

        make(0)  # complain before a number is spent
        return make

    def cancel(self, repository: Repository, number: int, actor: str) -> Build:
        """Ask for a build's end; raises NotFound, or Conflict where it has ended already."""
        if self._store.build(repository, number).value.finished:
            raise Conflict(f"build {number} of {repository} has ended already")
        reason = f"cancelled by {actor}" if actor else "cancelled"
        return self._store.update_build(
            repository, number, lambda b: b if b.finished or b.cancel_requested else replace(b, cancel_requested=reason)
        )

    def resume(self, repository: Repository, number: int, stage_id: str, actor: str) -> Build:
        """Run a finished build again from one stage on; raises NotFound, or Conflict where that cannot be."""
        now = timestamp()
        resumed = self._store.update_build(repository, number, lambda b: with_resumed(b, stage_id, actor, now))
        log.info("%s build %d is resumed from %s by %s", repository, number, stage_id, actor or "somebody")
        return resumed

    def _newest_image(self, repository: Repository) -> str:
        """The image that the newest build with one made, or "". What a fork's commit made is nobody else's."""
        for build in self._store.builds(repository):
            for stage in () if build.fork else reversed(build.stages):
                if stage.status is Status.SUCCESS and isinstance(stage.attempts[-1].result.get("image"), str):
                    return str(stage.attempts[-1].result["image"])
        return ""
