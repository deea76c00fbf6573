"""Which build a person means: `3` for the repository they stand in, or `REPOSITORY/3`."""

import os
import re

from cli.program import LocalProgram
from cli.records import BuildName
from cli.remote import named_remote, origin
from shared.api_records import Stage
from shared.errors import InputError

_BUILD = re.compile(r"((?P<repository>[^/]+/[^/]+/[^/]+)/)?(?P<number>[0-9]{1,8})")


def build_name(text: str, program: LocalProgram) -> BuildName:
    """Read a build's name; raises InputError where it is none, or where the current folder is no repository."""
    match = _BUILD.fullmatch(text)
    if not match:
        raise InputError(f"{text!r} names no build; write a number, or REPOSITORY/NUMBER as in `kontinuous get builds`")
    return BuildName(match["repository"] or current_repository(program), int(match["number"]))


def current_repository(program: LocalProgram) -> str:
    """The repository of the current folder; raises InputError where it is no git folder.

    For a service elsewhere it is the one that the folder was cloned from.
    """
    if named_remote(os.environ) is not None:
        return origin()
    return str(program.ask("source", "--identify", ".")["repository"])


def find_stage(stages: list[Stage], word: str) -> Stage:
    """The stage with this name or id, in any case; raises InputError that names those there are."""
    for stage in stages:
        if word.lower() in (stage["name"].lower(), stage["id"]):
            return stage
    names = ", ".join(repr(stage["name"]) for stage in stages)
    raise InputError(f"there is no stage {word!r} in this build; there are {names}")
