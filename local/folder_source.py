"""Local git folders as a SourceHost: one commit at a time is handed over into a bare repository of the state folder.

Stages clone that repository over HTTP as they would clone from any host. Each commit that is handed over gets a ref
of its own, `refs/kontinuous/<sha>/heads/<branch>`, which nothing moves: a build gets just what was handed over,
whatever is handed over meanwhile.
"""

import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from local.git_command import git
from shared.errors import InputError, NotFound
from shared.keys import slug
from shared.model import Commit, Repository

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
    sha = git(root, "rev-parse", "--verify", "--end-of-options", f"{ref or 'HEAD'}^{{commit}}")
    full = _full_ref(root, ref)
    _push(root, bare, sha, _own_ref(sha, full))
    if dirty:
        sha = _commit_work_tree(root, bare, sha)
        git(bare, "update-ref", _own_ref(sha, full), sha)
    _forget_oldest(bare)
    return HandedOver(str(repository), sha, _own_ref(sha, full), full.removeprefix("heads/").removeprefix("tags/"))


class FolderSource:
    """The SourceHost over the bare repositories. `url` is where stages reach them, without a slash at its end."""

    def __init__(self, repositories: Path, url: str) -> None:
        self._repositories = repositories
        self._url = url

    def commit(self, repository: Repository, ref: str) -> Commit:
        """Resolve what `hand_over` returned, or a SHA that was handed over; raises NotFound."""
        bare = self._existing(repository)
        try:
            sha = git(bare, "rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}")
        except InputError as error:
            raise NotFound(f"{repository} has no commit {ref!r} that was handed over") from error
        author, _, message = git(bare, "show", "--no-patch", "--format=%an <%ae>%n%s", sha).partition("\n")
        return Commit(sha, _branch_ref(ref), author, message)

    def read_file(self, repository: Repository, path: str, sha: str) -> str:
        """A file's text at a commit; raises NotFound."""
        try:
            return git(self._existing(repository), "show", "--end-of-options", f"{sha}:{path}")
        except InputError as error:
            raise NotFound(f"{repository} has no {path} at commit {sha[:10]}") from error

    def clone_url(self, repository: Repository) -> str:
        """Where stages clone it from."""
        self._existing(repository)
        return f"{self._url}/{repository.owner}/{repository.name}.git"

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
            for name in ("uploadpack.allowAnySHA1InWant", "receive.shallowUpdate"):
                git(new, "config", name, "true")
            if not bare.exists():
                shutil.move(new, bare)
    return bare


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


def _push(root: Path, bare: Path, sha: str, ref: str) -> None:
    git(root, "push", "--quiet", "--no-verify", "--force", str(bare), f"{sha}:{ref}")


def _commit_work_tree(root: Path, bare: Path, head: str) -> str:
    """Commit all that the work tree holds and git does not ignore, with a throw-away index; objects go to `bare` only."""
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder) / "index"
        own_index = Path(git(root, "rev-parse", "--path-format=absolute", "--git-path", "index"))
        if own_index.exists():
            shutil.copy2(own_index, index)  # it knows which files did not change since they were last hashed
        environment = {
            "GIT_INDEX_FILE": str(index),
            "GIT_OBJECT_DIRECTORY": str(bare / "objects"),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": git(
                root, "rev-parse", "--path-format=absolute", "--git-path", "objects"
            ),
        }
        git(root, "add", "--all", environment=environment)
        tree = git(root, "write-tree", environment=environment)
        author = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in _DIRTY_AUTHOR.items()}
        message = f"Uncommitted work on {head[:10]}".encode()
        return git(root, "commit-tree", tree, "-p", head, environment={**environment, **author}, data=message)


_DIRTY_AUTHOR = {"NAME": "kontinuous run --dirty", "EMAIL": "dirty@localhost"}


def _forget_oldest(bare: Path) -> None:
    refs = git(bare, "for-each-ref", "--sort=-creatordate", "--format=%(refname)", REFS).splitlines()
    for ref in refs[KEPT_COMMITS:]:
        git(bare, "update-ref", "-d", ref)
