"""What can be said about a folder before anything is started: is it a git folder, is there a pipeline, is it right?"""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cli.program import outside_of_hooks
from cli.stage_types import types_here
from shared.errors import InputError, NotFound
from shared.model import Pipeline
from shared.pipeline_file import PipelineFileError, parse

PIPELINE_FILE = ".pipeline.yml"


class PipelineRefused(InputError):
    """A pipeline file is wrong; the text holds all its problems, one a line."""


@dataclass(frozen=True, slots=True)
class Checkout:
    """A git folder whose pipeline can run. `root` is its top folder; `warnings` are sentences to show."""

    root: Path
    pipeline: Pipeline
    warnings: tuple[str, ...]


def examine(folder: Path, ref: str | None, *, dirty: bool) -> Checkout:
    """Check all that a run needs of a folder; raises InputError that says what is missing and what to do."""
    if dirty and ref is not None:
        raise InputError("--dirty builds the work tree, --ref a commit: give one of the two")
    root = _root(folder)
    sha = _commit(root, ref)
    text = _work_tree_file(root) if dirty else _committed_file(root, sha, ref)
    name = str(root / PIPELINE_FILE) if dirty else PIPELINE_FILE
    pipeline, warnings = _checked(text, name)
    return Checkout(root, pipeline, (*warnings, *(() if dirty or ref else _uncommitted(root))))


def files_of(folder: Path) -> tuple[Path, list[PurePosixPath]]:
    """A git folder's top folder, and the files in it that git does not ignore, by their paths from there.

    Raises InputError where it is no git folder.
    """
    root = _root(folder)
    listed = _git(root, "ls-files", "--cached", "--others", "--exclude-standard", "-z").stdout
    return root, [PurePosixPath(os.fsdecode(path)) for path in listed.split(b"\0") if path]


def _root(folder: Path) -> Path:
    if not folder.is_dir():
        raise InputError(f"{folder}: {'this is not a folder' if folder.exists() else 'there is no such folder'}")
    found = _git(folder, "rev-parse", "--show-toplevel")
    if found.returncode:
        words = found.stderr.decode(errors="replace").strip().partition("\n")[0]
        why = "" if "not a git repository" in words else f" ({words.removeprefix('fatal: ')})"
        raise InputError(
            f"{folder}: this is not a git folder{why}; run `git init` there and commit what is to be built"
        )
    return Path(os.fsdecode(found.stdout.removesuffix(b"\n")))


def _commit(root: Path, ref: str | None) -> str:
    found = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref or 'HEAD'}^{{commit}}")
    if not found.returncode:
        return found.stdout.decode().strip()
    if ref is None:
        raise InputError(f"{root}: there is no commit yet; run `git add --all` and `git commit` first")
    raise NotFound(f"{root}: there is no branch, tag or commit {ref!r}; `git branch --all` and `git tag` list them")


def _committed_file(root: Path, sha: str, ref: str | None) -> bytes:
    found = _git(root, "show", f"{sha}:{PIPELINE_FILE}")
    if not found.returncode:
        return found.stdout
    if (root / PIPELINE_FILE).is_file() and ref is None:
        raise InputError(f"{root}: {PIPELINE_FILE} is not committed yet; commit it, or run with --dirty")
    raise InputError(f"{root}: there is no {PIPELINE_FILE} at {ref or 'HEAD'} ({sha[:10]}); write one and commit it")


def _work_tree_file(root: Path) -> bytes:
    try:
        return (root / PIPELINE_FILE).read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"{root}: there is no {PIPELINE_FILE}; write one first") from error


def _checked(data: bytes, name: str) -> tuple[Pipeline, tuple[str, ...]]:
    """The pipeline in a file's bytes, and the warnings about it."""
    try:
        parsed = parse(data, types_here())
    except PipelineFileError as error:
        raise PipelineRefused("\n".join(problem.show(name) for problem in error.problems)) from error
    return parsed.pipeline, tuple(warning.show(name) for warning in parsed.warnings)


def _uncommitted(root: Path) -> tuple[str, ...]:
    changes = _git(root, "status", "--porcelain", "-z", "--no-renames").stdout.count(b"\0")
    what = "1 uncommitted change is" if changes == 1 else f"{changes} uncommitted changes are"
    return (f"{what} not built; commit, or run with --dirty to build the work tree",) if changes else ()


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run git in a folder; its words in English."""
    environment = outside_of_hooks() | {"LC_ALL": "C"}
    try:
        return subprocess.run(["git", "-C", str(folder), *arguments], env=environment, capture_output=True)
    except FileNotFoundError as error:
        raise InputError("git is not installed; install it (on Debian or Ubuntu: `apt install git`)") from error
