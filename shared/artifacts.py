"""The files that a pipeline asks to keep: found by globs in the workspace and put into S3 under their own paths."""

import fnmatch
import glob
import json
import os
import stat
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path

from shared.json_value import Json

MOST_LISTED_BYTES = 64 * 1024
"""So much of a report may its list of artifacts be, as JSON; all are kept, listed or not."""


class Unkept(Exception):
    """A file cannot be kept; the text says why."""


def find_artifacts(workspace: Path, globs: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Returns the paths, relative to the workspace, that the globs name (a folder stands for all its files), and the
    globs that named none. Nothing below `.git` is found."""
    found: dict[str, None] = {}
    empty = []
    for pattern in globs:
        paths = [path for path in _expand(workspace, pattern) if path.split("/", 1)[0] != ".git"]
        found.update(dict.fromkeys(sorted(paths)))
        if not paths:
            empty.append(pattern)
    return list(found), empty


def _expand(workspace: Path, pattern: str) -> Iterator[str]:
    start = "/" if pattern.startswith("/") else ""  # what leads out is named when it is opened
    parts = [part for part in pattern.split("/") if part not in ("", ".")]
    # Of `**` after `**` the second says nothing, and would have every folder walked again.
    parts = [part for before, part in zip(["", *parts], parts, strict=False) if (before, part) != ("**", "**")]
    for path in _matches(workspace, start, parts):
        if (workspace / path).is_dir() and not (workspace / path).is_symlink():
            yield from _files_below(workspace, path)
        elif not pattern.endswith("/"):
            yield path


def _matches(workspace: Path, folder: str, parts: list[str]) -> Iterator[str]:
    """The paths below a folder that the parts of a glob name, `**` for any folders. Other than Python's own `glob`, it
    follows no link to a folder for `**`: two that lead to each other would be followed some 2^40 times."""
    if not parts:
        yield folder
        return
    part, rest = parts[0], parts[1:]
    if part == "**":
        for parent in _folders_below(workspace, folder) if rest else [folder]:
            yield from _matches(workspace, parent, rest)
    else:
        names = fnmatch.filter(_names(workspace / folder), part) if glob.has_magic(part) else [part]
        for path in (os.path.join(folder, name) for name in names):
            if (workspace / path).is_dir() if rest else os.path.lexists(workspace / path):
                yield from _matches(workspace, path, rest)


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _folders_below(workspace: Path, folder: str) -> Iterator[str]:
    for parent, folders, _ in os.walk(workspace / folder):
        path = os.path.relpath(parent, workspace)
        if path == ".":
            folders[:] = [name for name in folders if name != ".git"]
        yield "" if path == "." else path


def _files_below(workspace: Path, folder: str) -> Iterator[str]:
    for parent, _, names in os.walk(workspace / folder):
        yield from (os.path.relpath(os.path.join(parent, name), workspace) for name in names)


def fits_key(path: str) -> bool:
    """Whether a path can be in an object's key: without control characters, bytes that are not UTF-8, and what XML, in
    which S3 lists its keys, cannot hold. Spaces of all kinds and what joins emoji are common in names."""
    return not any(unicodedata.category(char) in ("Cc", "Cs") or char in "\ufffe\uffff" for char in path)


@contextmanager
def opened_inside(workspace: Path, path: str) -> Iterator[Path]:
    """Open a file and give a path that leads to just this open file, so that nobody can exchange it meanwhile.

    Raises Unkept when it is unreadable, no regular file, or lies outside of the workspace (as through a link).
    """
    if not fits_key(path):
        raise Unkept(f"artifact {path!r} has a name that cannot be kept")
    try:
        handle = os.open(workspace / path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Unkept(f"artifact {path!r} cannot be read: {error.strerror}") from error
    try:
        this = Path(f"/proc/self/fd/{handle}")
        if not Path(os.readlink(this)).is_relative_to(workspace.resolve()):
            raise Unkept(f"artifact {path!r} leads out of the workspace")
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise Unkept(f"artifact {path!r} is not a regular file")
        yield this
    finally:
        os.close(handle)


def keep_artifacts(
    workspace: Path, globs: tuple[str, ...], prefix: str, put: Callable[[str, Path], None], warn: Callable[[str], None]
) -> list[Mapping[str, Json]]:
    """Put the artifacts below `prefix` and list them as `{"path", "bytes"}`; `put` is an ObjectStore's `put_file`,
    and raises StoreError. What cannot be kept is named to `warn`."""
    paths, empty = find_artifacts(workspace, globs)
    for pattern in empty:
        warn(f"no file matches the artifact {pattern!r}")
    kept: list[Mapping[str, Json]] = []
    for path in paths:
        try:
            with opened_inside(workspace, path) as file:
                size = file.stat().st_size
                put(prefix + path, file)
        except Unkept as reason:
            warn(str(reason))
        except OSError as error:  # it became shorter while it was read
            warn(f"artifact {path!r} cannot be read: {error}")
        else:
            kept.append({"path": path, "bytes": size})
    listed = _that_fit(kept)
    if len(listed) < len(kept):
        warn(f"{len(kept)} artifacts are kept; the report lists the first {len(listed)}")
    return listed


def _that_fit(kept: list[Mapping[str, Json]]) -> list[Mapping[str, Json]]:
    sizes = accumulate(len(json.dumps(item)) for item in kept)
    return [item for item, size in zip(kept, sizes, strict=True) if size <= MOST_LISTED_BYTES]
