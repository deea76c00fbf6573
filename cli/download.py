"""One artifact onto the disk: its path comes from somebody's build, so nothing may be written outside of the folder.

What has come is kept in a hidden file beside it, so that the next download goes on where a broken one stopped.
"""

import hashlib
import os
from http.client import HTTPResponse
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

from cli.client import Client
from cli.follow import read_on
from cli.records import BuildName
from cli.screen import Screen
from shared.errors import InfrastructureError, InputError
from shared.terminal_text import clean

PARTIAL_CONTENT = 206
MEGABYTE = 1_000_000


class Kept(NamedTuple):
    """A file that an attempt of a stage has kept; `size` in bytes."""

    build: BuildName
    stage: str
    attempt: int
    path: str
    size: int


def download(client: Client, kept: Kept, folder: Path, place: str, screen: Screen) -> Path:
    """Write it below the folder as `place`, instead of a file that is there, and give its path.

    Raises InputError where `place` leads out of the folder, also through a link in the folder.
    """
    target = _target(folder, place)
    part = target.with_name(f".{hashlib.sha256(repr(kept).encode()).hexdigest()[:16]}.part")
    with _opened(part) as file:
        offset = file.seek(0, os.SEEK_END)
        if offset > kept.size:
            offset = file.truncate(0)
            file.seek(0)
        if offset < kept.size:
            _receive(client, kept, file, offset, screen)
    part.replace(target)  # takes the place of a link, and does not follow it
    return target


def _target(folder: Path, path: str) -> Path:
    parts = PurePosixPath(path).parts
    if not parts or "\0" in path or path.startswith("/") or ".." in parts:
        raise InputError(f"the artifact {path!r} would be written outside of {folder}: it is not downloaded")
    target = folder.joinpath(*parts)
    try:
        for parent in [*reversed(target.parents[: len(parts) - 1]), target]:
            if parent != target and parent.is_symlink():
                raise InputError(f"{parent} is a link, and {path!r} is not written through it; take it away")
        if target.is_dir() and not target.is_symlink():
            raise InputError(f"{target} is a folder already; say another one with -o")
        target.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise InputError(f"{target.parent} cannot be made: {error.strerror}; say another folder with -o") from error
    return target


def _opened(part: Path) -> BinaryIO:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
    return os.fdopen(os.open(part, flags, 0o666), "r+b")


def _receive(client: Client, kept: Kept, file: BinaryIO, offset: int, screen: Screen) -> None:
    def open_at(start: int) -> HTTPResponse:
        response = client.open_artifact(kept.build, kept.stage, kept.attempt, kept.path, start)
        if start and response.status != PARTIAL_CONTENT:
            response.close()
            raise InfrastructureError(f"{client.url} does not send a part of {kept.path}; is a proxy in between?")
        return response

    try:
        for data in read_on(client, open_at, offset):
            file.write(data)
            offset += len(data)
            screen.status(f"    {clean(kept.path)}: {offset / MEGABYTE:.1f} of {kept.size / MEGABYTE:.1f} MB")
    finally:
        screen.status("")
    if offset != kept.size:
        raise InfrastructureError(f"{kept.path} has {offset} bytes instead of {kept.size}; download it again")
