"""`kontinuous artifacts`: list or download the files that the stages of a build have kept."""

import sys
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from cli import interrupts, service
from cli.build_name import build_name, find_stage
from cli.client import Client
from cli.download import Kept, download
from cli.output import show
from cli.program import LocalProgram
from cli.records import BuildName
from cli.screen import Screen
from cli.table import table
from shared.errors import EXIT_SUCCESS, InputError, NotFound
from shared.terminal_text import clean

HEADINGS = ("STAGE", "ATTEMPT", "PATH", "BYTES", "TYPE")


class _Found(NamedTuple):
    kept: Kept
    content_type: str


def execute(args: Namespace, program: LocalProgram) -> int:
    """List the files, or write them below a folder: those of one stage by their path, those of several in a folder for
    each stage."""
    screen = Screen(sys.stderr)
    with interrupts.interruptible():
        name = build_name(args.build, program)
        with service.chosen(program, screen) as opened:
            found = list(_found(opened.client, name, args.stage, args.attempt))
            match args.action:
                case "list":
                    show([_record(each) for each in found], args.output, lambda: table(HEADINGS, map(_row, found)))
                case "get":
                    _download(args, opened.client, found, screen)
                case _:
                    raise InputError(f"artifacts cannot be asked to {args.action}")
    return EXIT_SUCCESS


def _found(client: Client, name: BuildName, stage: str | None, attempt: int | None) -> Iterator[_Found]:
    if attempt is not None and stage is None:
        raise InputError("--attempt counts the attempts of one stage; say which with --stage")
    stages = client.build(name)["stages"]
    for each in [find_stage(stages, stage)] if stage else stages:
        number = attempt or each["attempt"]
        for file in client.artifacts(name, each["id"], number) if number else ():
            yield _Found(Kept(name, each["id"], number, file["path"], file["bytes"]), file["content_type"])


def _record(found: _Found) -> dict[str, object]:
    _, stage, attempt, path, size = found.kept
    return {"stage": stage, "attempt": attempt, "path": path, "bytes": size, "content_type": found.content_type}


def _row(found: _Found) -> tuple[str, ...]:
    return tuple(str(value) for value in _record(found).values())


def _download(args: Namespace, client: Client, found: list[_Found], screen: Screen) -> None:
    wanted = [each.kept for each in found if not args.paths or any(_below(each.kept.path, p) for p in args.paths)]
    for path in args.paths:
        if not any(_below(each.path, path) for each in wanted):
            raise NotFound(f"there is no artifact {path!r}; `kontinuous artifacts list {args.build}` lists them")
    if not wanted:
        raise NotFound(f"build {args.build} has kept no artifacts")
    into: Path = args.into
    for each in wanted:
        place = each.path if args.stage else f"{each.stage}/{each.path}"
        print(f"{clean(str(download(client, each, into, place, screen)))} ({each.size} bytes)", flush=True)


def _below(path: str, wanted: str) -> bool:
    return f"{path}/".startswith(f"{wanted.strip('/')}/")
