"""What a repository is, as far as its files tell: where its Dockerfile is, and how its tests are run."""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

LONGEST_NAME = 63
PYTHON, GO, NODE, RUST = "python:3.13", "golang:1.25", "node:24", "rust:1"

_TEST_TARGET = re.compile(r"^test\s*:(?!=)", re.MULTILINE)
_NOT_IN_A_NAME = re.compile(r"[^a-z0-9]+")
_DOCKERFILES = ("Dockerfile", "Dockerfile.*", "*.Dockerfile")


class Testing(NamedTuple):
    """How tests are run, and what that was chosen for.

    `command` runs in the image that the repository's Dockerfile makes. `image` is a public one, and `alone` the command
    in it; where it is preferred, the Dockerfile's image is not used, since such images lack the compiler.
    """

    command: list[str]
    why: str
    image: str
    alone: list[str]
    prefers_image: bool


class Project(NamedTuple):
    """A repository; its Dockerfile's path is relative to its root."""

    name: str
    dockerfile: PurePosixPath | None
    testing: Testing | None


class Files:
    """The files of a repository, by their paths from its root; the nearest to it come first."""

    def __init__(self, root: Path, paths: Sequence[PurePosixPath]) -> None:
        self._root = root
        self.paths = sorted(paths, key=lambda path: (len(path.parts), path))
        self._known = frozenset(map(str, paths))

    def __contains__(self, name: str) -> bool:
        return name in self._known

    def text(self, name: str) -> str:
        """A file's text; "" where it is not there."""
        path = self._root / name
        return path.read_text(errors="replace") if name in self and path.is_file() else ""

    def named(self, *patterns: str) -> PurePosixPath | None:
        """The first file whose name has one of the patterns, the first pattern before the others."""
        return next((path for pattern in patterns for path in self.paths if path.match(pattern)), None)


def look_at(root: Path, paths: Sequence[PurePosixPath]) -> Project:
    """Look at a repository; `paths` are its files, relative to `root`."""
    files = Files(root, paths)
    name = _NOT_IN_A_NAME.sub("-", root.name.lower())[:LONGEST_NAME].strip("-") or "pipeline"
    dockerfile = Files(root, [path for path in paths if path.suffix != ".dockerignore"]).named(*_DOCKERFILES)
    return Project(name, dockerfile, next(filter(None, (look(files) for look in _LOOKS)), None))


def _make(files: Files) -> Testing | None:
    if not _TEST_TARGET.search(files.text("Makefile")):
        return None
    image = next((image for name, image in _COMPILED if name in files), "")
    command = ["make", "test"]
    return Testing(command, "the Makefile has a target `test`", image or PYTHON, command, prefers_image=bool(image))


def _go(files: Files) -> Testing | None:
    command = ["go", "test", "./..."]
    return Testing(command, "there is a go.mod", GO, command, prefers_image=True) if "go.mod" in files else None


def _cargo(files: Files) -> Testing | None:
    command = ["cargo", "test"]
    return (
        Testing(command, "there is a Cargo.toml", RUST, command, prefers_image=True) if "Cargo.toml" in files else None
    )


def _node(files: Files) -> Testing | None:
    try:
        script = json.loads(files.text("package.json") or "{}")["scripts"]["test"]
    except (ValueError, KeyError, TypeError):
        return None
    if "no test specified" in str(script):  # what `npm init` writes
        return None
    install = "npm ci" if "package-lock.json" in files else "npm install"
    command = ["sh", "-c", f"{install} && npm test"]
    return Testing(command, f"package.json has a script `test`: {script}", NODE, command, prefers_image=True)


def _python(files: Files) -> Testing | None:
    found = files.named("test_*.py", "*_test.py", "test*.py")
    if found is None:
        return None
    needs = next((name for name in _PYTEST_FILES if "pytest" in files.text(name)), "")
    if needs:
        command, why = ["python", "-m", "pytest"], f"{needs} names pytest, and there is {found}"
    else:
        start = [] if _is_reached(files, found) else ["-s", str(found.parent)]
        start += [] if found.name.startswith("test") else ["-p", "*_test.py"]
        command, why = ["python", "-m", "unittest", "discover", *start, "--verbose"], f"there is {found}"
    return Testing(command, why, PYTHON, _installing(files, command, bool(needs)), prefers_image=False)


def _installing(files: Files, command: list[str], pytest: bool) -> list[str]:
    """The command behind the installation of what the repository says that it needs."""
    wanted = ["-r requirements.txt"] if "requirements.txt" in files else []
    wanted += ["."] if "[project]" in files.text("pyproject.toml") else []
    wanted += ["pytest"] if pytest else []
    return ["sh", "-c", f"pip install {' '.join(wanted)} && {' '.join(command)}"] if wanted else command


def _is_reached(files: Files, test: PurePosixPath) -> bool:
    """Whether unittest finds it from the root: there, or in packages."""
    return all(f"{folder}/__init__.py" in files for folder in test.parents if folder.parts)


_COMPILED = (("go.mod", GO), ("Cargo.toml", RUST), ("package.json", NODE))
_PYTEST_FILES = ("pytest.ini", "pyproject.toml", "setup.cfg", "tox.ini", "requirements.txt", "requirements-dev.txt")
_LOOKS: tuple[Callable[[Files], Testing | None], ...] = (_make, _go, _cargo, _node, _python)
