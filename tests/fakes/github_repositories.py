"""The repositories of the stand-in for GitHub: real bare git repositories, and who may do what with them."""

import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.git_server import commit, git, make_repository

ROLES = ("pull", "push", "admin")


@dataclass
class FakeRepository:
    """One repository. `roles` maps logins to pull, push or admin; a private one is hidden from all others."""

    folder: Path
    owner: str
    name: str
    private: bool
    number: int
    default_branch: str = "main"
    roles: dict[str, str] = field(default_factory=dict)
    hooks: dict[int, dict[str, Any]] = field(default_factory=dict)
    fork_of: "FakeRepository | None" = None
    protected: set[str] = field(default_factory=set)
    taken: dict[int, tuple["FakeRepository", str]] = field(default_factory=dict)
    pull_requests: list[dict[str, Any]] = field(default_factory=list)

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"

    @property
    def bare(self) -> Path:
        return self.folder / self.owner / f"{self.name}.git"

    @property
    def work(self) -> Path:
        return self.folder / self.owner / f"{self.name}.git.work"

    def move(self, full_name: str) -> None:
        """Have another owner or name."""
        bare, work = self.bare, self.work
        self.owner, _, self.name = full_name.partition("/")
        self.bare.parent.mkdir(parents=True, exist_ok=True)
        bare.rename(self.bare)
        work.rename(self.work)

    def permissions(self, login: str) -> dict[str, bool]:
        """What a user may do, as GitHub says it."""
        role = self.roles.get(login, "" if self.private else "pull")
        held = ROLES[: ROLES.index(role) + 1] if role else ()
        return {
            "admin": "admin" in held,
            "maintain": "admin" in held,
            "push": "push" in held,
            "triage": "push" in held,
            "pull": "pull" in held,
        }

    def push(self, files: dict[str, str], branch: str = "main", message: str = "a change") -> str:
        """Commit to a branch, made from the default branch where it is new; returns the SHA."""
        if not self.sha(f"refs/heads/{branch}"):
            git(self.work, "checkout", "--quiet", "-b", branch, self.default_branch)
        git(self.work, "checkout", "--quiet", branch)
        for path, text in files.items():
            (self.work / path).parent.mkdir(parents=True, exist_ok=True)
            (self.work / path).write_text(text)
        sha = commit(self.work, message)
        self._upload(f"refs/heads/{branch}")
        return sha

    def add_branch(self, name: str, sha: str) -> None:
        """Make a branch that begins at a commit."""
        git(self.work, "branch", name, sha)
        self._upload(f"refs/heads/{name}")

    def remove_branch(self, name: str) -> None:
        """Remove a branch."""
        git(self.work, "checkout", "--quiet", self.default_branch)
        git(self.work, "branch", "--delete", "--force", name)
        git(self.bare, "update-ref", "-d", f"refs/heads/{name}")

    def branches(self) -> list[str]:
        """The names of all branches."""
        return git(self.bare, "for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads").split()

    def tag(self, name: str, commit_sha: str) -> None:
        """Make an annotated tag."""
        git(self.work, "-c", "user.name=t", "-c", "user.email=t@example.com", "tag", "-a", "-m", name, name, commit_sha)
        self._upload(f"refs/tags/{name}")

    def take_pull_request(self, number: int, head: "FakeRepository", branch: str) -> str:
        """Fetch the head of a pull request as GitHub does: to refs/pull/<number>/head; returns the SHA."""
        git(self.bare, "fetch", "--quiet", "--force", str(head.bare), f"{branch}:refs/pull/{number}/head")
        self.taken[number] = head, branch
        return self.sha(f"refs/pull/{number}/head")

    def take_branch(self, name: str, head: "FakeRepository", branch: str) -> None:
        """Have another repository's branch as one of its own, as after a merge."""
        git(self.work, "fetch", "--quiet", str(head.bare), f"{branch}:{name}")
        self._upload(f"refs/heads/{name}")

    def sha(self, ref: str) -> str:
        """The commit that a full ref, or a SHA of 7 digits or more, stands for; "" where there is none."""
        if not ref.startswith("refs/") and not re.fullmatch("[0-9a-f]{7,40}", ref):
            return ""
        try:
            return git(self.bare, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
        except subprocess.CalledProcessError:
            return ""

    def resolve(self, ref: str) -> str:
        """The commit that GitHub finds for what callers name; "" for none."""
        full = [f"refs/{ref}"] if ref.startswith(("heads/", "tags/", "pull/")) else []
        return next(filter(None, map(self.sha, (*full, f"refs/heads/{ref}", f"refs/tags/{ref}", ref))), "")

    def file(self, path: str, ref: str) -> bytes | None:
        """A file's bytes at a commit, or None."""
        done = subprocess.run(
            ["git", "cat-file", "blob", f"{ref}:{path}"], cwd=self.bare, capture_output=True, check=False
        )
        return done.stdout if done.returncode == 0 else None

    def blob(self, path: str, ref: str) -> str:
        """git's name of a file's content at a commit, or ""."""
        return git(self.bare, "rev-parse", f"{ref}:{path}") if self.file(path, ref) is not None else ""

    def _upload(self, ref: str) -> None:
        git(self.work, "push", "--quiet", "--force", str(self.bare), f"{ref}:{ref}")


def make(folder: Path, full_name: str, files: dict[str, str], private: bool, number: int) -> FakeRepository:
    """A repository with one commit on main."""
    owner, _, name = full_name.partition("/")
    make_repository(folder / owner, f"{name}.git", files)
    return FakeRepository(folder, owner, name, private, number)


def fork(of: FakeRepository, owner: str, number: int) -> FakeRepository:
    """A copy of a repository under another owner."""
    copy = FakeRepository(of.folder, owner, of.name, of.private, number, of.default_branch, fork_of=of)
    copy.bare.parent.mkdir(parents=True)
    shutil.copytree(of.bare, copy.bare)
    shutil.copytree(of.work, copy.work)
    return copy
