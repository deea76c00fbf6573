"""Which stage types a pipeline file may name: those of the kontinuous that will run it."""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from cli.client import Client
from cli.remote import named_remote
from cli.service import find
from shared.catalogue import STAGE_IMAGES, StageType, known_types, read_catalogue
from shared.errors import InputError, KontinuousError, NotFound
from shared.stage_types import STAGE_TYPES, ParamSchema
from shared.state_folder import state_folder

Types = Mapping[str, ParamSchema]


def types_of_file(path: Path) -> Types:
    """The built-in stage types and those of a catalogue in a file; raises InputError with all that is wrong in it."""
    try:
        return known_types(read_catalogue(path.read_bytes()))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}; name a catalogue of stage types") from error
    except InputError as error:
        raise InputError("\n".join(f"{path}: {line}" for line in str(error).splitlines())) from error


def types_there(warn: Callable[[str], None]) -> Types:
    """The stage types of the kontinuous that one is logged in to, else of this machine's.

    Where the former does not answer, or there is no token for it (as in a stage, which only has its address), the
    built-in ones, and `warn` is told.
    """
    try:
        remote = named_remote(os.environ)
        if remote is not None:
            return _asked(remote.client())
    except KontinuousError as error:
        warn(f"only the built-in stage types are known: {error}")
        return STAGE_TYPES
    return types_here()


def types_here() -> Types:
    """The stage types of this machine's service: the one that runs, else one that would be started now."""
    service = find(state_folder(os.environ))
    with suppress(NotFound):  # one that runs since before an upgrade
        if service is not None:
            return _asked(service.client)
    try:
        return known_types(read_catalogue(os.environ.get(STAGE_IMAGES, "")))
    except InputError as error:
        raise InputError("\n".join(f"{STAGE_IMAGES}: {line}" for line in str(error).splitlines())) from error


def _asked(client: Client) -> Types:
    return known_types({item["type"]: StageType(item["image"], item["params"]) for item in client.stage_types()})
