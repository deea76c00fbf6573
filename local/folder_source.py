"""Local git folders as a SourceHost: one commit at a time is handed over into a bare repository of the state folder.

Stages clone that repository over HTTP as they would clone from any host. Each commit that is handed over gets a ref
of its own, `refs/kontinuous/<sha>/heads/<branch>`, which nothing moves: a build gets just what was handed over,
whatever is handed over meanwhile.
"""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local.git_command import git, git_bytes
from shared.errors import InputError, NotFound
from shared.keys import slug
from shared.model import Commit, Repository
from shared.ports import Access, RepositoryInfo

HOST = "local"
REFS = "refs/kontinuous/"
KEPT_COMMITS = 200


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A commit that is ready to be built. `ref` is what to ask a build for; `branch` is "" for a bare commit."""

    repository: str
    sha: str
    ref: str
    branch: str


def identify(folder: Path) -> Repository:
    """The identity of a folder: `local/<hash of its path>/<its name>`; raises InputError where it is no git folder."""
    root = Path(git(folder, "rev-parse", "--show-toplevel")).resolve()
    digest = hashlib.sha256(str(root).encode()).hexdigest()[:8]
    return Repository(HOST, digest, slug(root.name))


def hand_over(folder: Path, repositories: Path, ref: str = "", dirty: bool = False) -> HandedOver:
    """Put one commit of a folder into its bare repository below `repositories`: HEAD, `ref`, or the work tree as it is.

    The folder's own repository is left untouched, with `dirty` too. Raises InputError where the ref is not there.
    """
    repository = identify(folder)
    root = Path(git(folder, "rev-parse", "--show-toplevel"))
    bare = _bare(repositories, repository)
    sha = _resolve(root, ref)
    full = _full_ref(root, ref)
    with _locked(bare):
        if dirty:
            sha = _push_work_tree(root, bare, sha, full)
        else:
            _push(root, bare, sha, _own_ref(sha, full))
        os.utime(bare / _own_ref(sha, full))  # it may have been there already
        _forget_oldest(bare)
    return HandedOver(str(repository), sha, _own_ref(sha, full), full.removeprefix("heads/").removeprefix("tags/"))


def _resolve(root: Path, ref: str) -> str:
    try:
        return git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref or 'HEAD'}^{{commit}}")
    except InputError as error:
        if ref:
            raise InputError(f"{root} has no branch, tag or commit {ref!r}") from error
        raise InputError(f"{root} has no commit yet: make one with `git commit`") from error


class FolderSource:
    """The SourceHost over the bare repositories. `url` is where stages reach them, without a slash at its end.

    Folders are this machine's own: access tokens mean nothing here.
    """

    def __init__(self, repositories: Path, url: str) -> None:
        self._repositories = repositories
        self._url = url

    def describe(self, repository: Repository, token: str) -> RepositoryInfo:
        """The folder as it was handed over; on this machine its user may do everything."""
        self._existing(repository)
        return RepositoryInfo(repository, "", Access.ADMIN)

    def commit(self, repository: Repository, ref: str, token: str) -> Commit:
        """Resolve what `hand_over` returned, or a SHA that was handed over; raises NotFound."""
        bare = self._existing(repository)
        try:
            sha = git(bare, "rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}")
        except InputError as error:
            raise NotFound(f"{repository} has no commit {ref!r} that was handed over") from error
        author, _, message = git(bare, "show", "--no-patch", "--format=%an <%ae>%n%s", sha).partition("\n")
        return Commit(sha, _branch_ref(ref), author, message)

    def fork_base(self, repository: Repository, sha: str, token: str) -> str:
        """None: what was handed over is the folder's own."""
        return ""

    def read_file(self, repository: Repository, path: str, sha: str, token: str) -> str:
        """A file's text at a commit, to its last newline; raises NotFound, or InputError where it is no text."""
        bare = self._existing(repository)
        try:
            data = git_bytes(bare, "show", "--end-of-options", f"{sha}:{path}")
        except InputError as error:
            raise NotFound(f"{repository} has no {path} at commit {sha[:10]}") from error
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise InputError(f"{path} at commit {sha[:10]} of {repository} is not UTF-8: {error}") from error

    def clone_url(self, repository: Repository) -> str:
        """Where stages clone it from."""
        self._existing(repository)
        return f"{self._url}/{repository.owner}/{repository.name}.git"

    def login(self, token: str) -> str:
        """Nobody: a folder's host knows no users."""
        return ""

    def _existing(self, repository: Repository) -> Path:
        bare = _path(self._repositories, repository)
        if repository.host != HOST or not bare.is_dir():
            raise NotFound(f"{repository} is not a folder that was handed over to this machine's service")
        return bare


def _path(repositories: Path, repository: Repository) -> Path:
    return repositories / repository.owner / f"{repository.name}.git"


def _bare(repositories: Path, repository: Repository) -> Path:
    """The bare repository, made in one step where it is new: another process never sees half of it."""
    bare = _path(repositories, repository)
    if not bare.exists():
        bare.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=bare.parent) as folder:
            new = Path(folder) / "new.git"
            git(bare.parent, "init", "--quiet", "--bare", str(new))
            for name, value in _BARE_SETTINGS.items():
                git(new, "config", name, value)
            _rename(new, bare)
    return bare


_BARE_SETTINGS = {
    "uploadpack.allowAnySHA1InWant": "true",
    "receive.shallowUpdate": "true",
    "gc.packRefs": "false",  # a ref's file says by its time when the commit was handed over last
}


@contextmanager
def _locked(bare: Path) -> Iterator[None]:
    """Wait until no other process hands over to this repository: git refuses the second of two that make one ref."""
    folder = os.open(bare, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _rename(new: Path, bare: Path) -> None:
    try:
        new.rename(bare)
    except OSError:
        if not bare.exists():  # else another process was first
            raise


def _full_ref(root: Path, ref: str) -> str:
    """`heads/<branch>` or `tags/<tag>` for what was asked for; "" for a bare commit."""
    try:
        name = git(root, "rev-parse", "--symbolic-full-name", "--verify", "--end-of-options", ref or "HEAD")
    except InputError:
        return ""
    return name.removeprefix("refs/") if name.startswith(("refs/heads/", "refs/tags/")) else ""


def _own_ref(sha: str, full: str) -> str:
    return f"{REFS}{sha}/{full or 'commit'}"


def _branch_ref(ref: str) -> str:
    name = ref.removeprefix(REFS).partition("/")[2] if ref.startswith(REFS) else ""
    return f"refs/{name}" if name.startswith(("heads/", "tags/")) else ""


def _push(root: Path, bare: Path, sha: str, ref: str, environment: Mapping[str, str] | None = None) -> None:
    quiet = ("--quiet", "--no-verify", "--force", "--recurse-submodules=no", "--no-signed", "--no-follow-tags")
    git(root, "push", *quiet, str(bare), f"{sha}:{ref}", environment=environment)


def _push_work_tree(root: Path, bare: Path, head: str, full: str) -> str:
    """Commit all that the work tree holds and git does not ignore, with a throw-away index and object store; push it.

    Objects that the folder's own store has already are read from there, and pushed like the new ones.
    """
    with tempfile.TemporaryDirectory() as folder:
        index, objects = Path(folder) / "index", Path(folder) / "objects"
        objects.mkdir()
        own_index = _git_path(root, "index")
        if own_index.exists():
            shutil.copy2(own_index, index)  # it knows which files did not change since they were last hashed
        environment = {
            "GIT_INDEX_FILE": str(index),
            "GIT_OBJECT_DIRECTORY": str(objects),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": _quoted(str(_git_path(root, "objects"))),
            **_PLAIN_INDEX,
        }
        sha = _commit_work_tree(root, head, environment)
        _push(root, bare, sha, _own_ref(sha, full), environment)
        return sha


def _commit_work_tree(root: Path, head: str, environment: Mapping[str, str]) -> str:
    git(root, "add", "--all", environment=environment)
    tree = git(root, "write-tree", environment=environment)
    author = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in _DIRTY_AUTHOR.items()}
    message = f"Uncommitted work on {head[:10]}".encode()
    return git(root, "commit-tree", tree, "-p", head, environment={**environment, **author}, data=message)


_PLAIN_INDEX = {  # nothing of an index is kept beside it, in the folder's own repository
    "GIT_CONFIG_COUNT": "2",
    "GIT_CONFIG_KEY_0": "core.splitIndex",
    "GIT_CONFIG_VALUE_0": "false",
    "GIT_CONFIG_KEY_1": "core.fsmonitor",
    "GIT_CONFIG_VALUE_1": "false",
}
_DIRTY_AUTHOR = {"NAME": "kontinuous run --dirty", "EMAIL": "dirty@localhost"}


def _git_path(root: Path, name: str) -> Path:
    return Path(git(root, "rev-parse", "--path-format=absolute", "--git-path", name))


def _quoted(path: str) -> str:
    """A path as git wants it in a list that is joined by colons."""
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _forget_oldest(bare: Path) -> None:
    """Forget all refs but the KEPT_COMMITS that were handed over last, whatever their commits' dates."""
    files = {path: path.stat().st_mtime_ns for path in (bare / REFS).rglob("*") if path.is_file()}
    names = sorted(files, key=lambda path: files[path], reverse=True)
    for path in names[KEPT_COMMITS:]:
        git(bare, "update-ref", "-d", str(path.relative_to(bare)))
