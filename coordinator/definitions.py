"""A pipeline's definition: its file read at a ref, with all that is wrong in it; and changed, on a branch or as a pull
request. What is committed is a file that builds."""

import hashlib
import logging
import secrets
from dataclasses import dataclass, replace

from coordinator.builds import Builds
from coordinator.forge import FileChange, Forge
from coordinator.store import BuildStore
from shared.errors import Conflict, InputError, KontinuousError, NotFound, Unsupported
from shared.model import Commit, Repository
from shared.ports import SourceHost
from shared.problems import PIPELINE_FILE, PipelineFileError, Problem

log = logging.getLogger(__name__)

_BRANCH_BYTES = 4


@dataclass(frozen=True, slots=True)
class Definition:
    """A pipeline file at a commit. `sha` is git's name of the content; `problems` are why it would not be built."""

    commit: Commit
    sha: str
    text: str
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Updated:
    """Where a new definition is: its commit, the branch that has it, and the address of its pull request, or ""."""

    commit: str
    branch: str
    sha: str
    pull_request: str = ""


class Definitions:
    """Reads and updates definitions, each for a caller with an access `token` of their own."""

    def __init__(self, store: BuildStore, builds: Builds, source: SourceHost, forge: Forge | None) -> None:
        self._store = store
        self._builds = builds
        self._source = source
        self._forge = forge

    def read(self, repository: Repository, ref: str, token: str) -> Definition:
        """A pipeline's file at a branch, tag or commit (no `ref`: at the default branch); raises NotFound."""
        self._store.pipeline(repository)
        commit = self._source.commit(repository, ref or self._default_branch(repository, token), token)
        text = self._source.read_file(repository, PIPELINE_FILE, commit.sha, token)
        definition = Definition(commit, content_sha(text), text)
        try:
            return replace(definition, warnings=self._builds.check(repository, text))
        except PipelineFileError as error:
            return replace(definition, problems=error.problems, warnings=error.warnings)
        except InputError as error:
            return replace(definition, problems=(Problem(1, 1, "file", str(error)),))

    def update(self, repository: Repository, change: FileChange, pull_request: bool, token: str) -> Updated:
        """Commit a pipeline's new file to a branch ("": the default branch), or propose that in a pull request.

        Raises Unsupported where the source host takes no changes, PipelineFileError or InputError for a file that would
        not be built, and Conflict where the branch has another content by now than the change `replaces`.
        """
        forge = self._required_forge()
        self._store.pipeline(repository)
        self._builds.check(repository, change.text)
        branch = change.branch or self._default_branch(repository, token)
        head = self._source.commit(repository, f"refs/heads/{branch}", token)
        self._check_replaces(repository, head, change, token)
        if pull_request:
            return self._propose(forge, repository, replace(change, branch=branch), head, token)
        return self._commit(forge, repository, replace(change, branch=branch), token)

    @staticmethod
    def _commit(forge: Forge, repository: Repository, change: FileChange, token: str) -> Updated:
        commit = forge.put_file(repository, change, token)
        return Updated(commit, change.branch, content_sha(change.text))

    def _propose(self, forge: Forge, repository: Repository, change: FileChange, head: Commit, token: str) -> Updated:
        """Commit to a new branch, and open a pull request; without one the branch goes again."""
        branch = f"kontinuous/pipeline-{secrets.token_hex(_BRANCH_BYTES)}"
        forge.make_branch(repository, branch, head.sha, token)
        try:
            done = self._commit(forge, repository, replace(change, branch=branch), token)
            address = forge.propose(repository, branch, change.branch, change.message, token)
        except KontinuousError:
            self._remove_branch(forge, repository, branch, token)
            raise
        return replace(done, pull_request=address)

    @staticmethod
    def _remove_branch(forge: Forge, repository: Repository, branch: str, token: str) -> None:
        try:
            forge.remove_branch(repository, branch, token)
        except KontinuousError as error:
            log.warning("the branch %s of %s is left without a pull request: %s", branch, repository, error)

    def _check_replaces(self, repository: Repository, head: Commit, change: FileChange, token: str) -> None:
        where = f"{PIPELINE_FILE} on {head.branch} of {repository}"
        now = self._sha_at(repository, head, token)
        if now != change.replaces:
            known = f"has the sha {now} by now" if now else "is not there"
            given = f"not {change.replaces}" if change.replaces else "and the update names none"
            raise Conflict(f"{where} {known}, {given}: read it again, and update that")
        if now == content_sha(change.text):
            raise InputError(f"{where} says just this already: there is nothing to update")

    def _sha_at(self, repository: Repository, commit: Commit, token: str) -> str:
        try:
            return content_sha(self._source.read_file(repository, PIPELINE_FILE, commit.sha, token))
        except NotFound:
            return ""

    def _default_branch(self, repository: Repository, token: str) -> str:
        return self._source.describe(repository, token).default_branch

    def _required_forge(self) -> Forge:
        if self._forge is None:
            raise Unsupported("the folders of this machine take no changes from here: edit the file itself")
        return self._forge


def content_sha(text: str) -> str:
    """git's name of a file's content, the SHA-1 of a blob (git-hash-object); GitHub calls it the file's sha."""
    data = text.encode()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
