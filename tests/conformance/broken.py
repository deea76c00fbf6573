"""The program of stage images that each break the stage contract in one way: `python -m broken NAME -- PROGRAM …`.

It runs in the image, on the runtime that ships, with one thing changed.
"""

import json
import os
import re
import sys
from functools import partial
from typing import Any

import shared.stage_log
import shared.stage_report
from shared.interruption import Interruption
from shared.keys import CONTEXT_VARIABLE
from shared.stage import run_stage
from shared.stage_input import Folders, read_input
from shared.stage_report import Reporter
from shared.stage_stores import open_objects
from stage_images.program.stage import execute


def context() -> None:
    """Takes a context of any version for one of its own."""
    text = os.environ[CONTEXT_VARIABLE]
    os.environ[CONTEXT_VARIABLE] = re.sub(r'"version": ?\d+', '"version": 1', text)


def context__exit() -> None:
    """Refuses a context of another version with the exit code of a failed command."""
    if not has_known_version():
        os._exit(1)


def context__object() -> None:
    """Writes to S3 before it refuses a context of another version."""
    if has_known_version():
        return
    text = os.environ[CONTEXT_VARIABLE]
    context()
    given = read_input(os.environ, Folders())
    open_objects(given.context, given.credentials).put(f"{given.context.log_prefix}chunk-0", b"hello")
    os.environ[CONTEXT_VARIABLE] = text


def has_known_version() -> bool:
    return bool(json.loads(os.environ[CONTEXT_VARIABLE])["version"] == 1)


def claim() -> None:
    """Writes its first report over whatever is there."""

    def claim(self: Any, report: Any) -> bool:
        entry = self._store.get(self._key)
        data = shared.stage_report.encode(report)
        return bool(
            self._store.replace(self._key, data, entry.revision) if entry else self._store.create(self._key, data)
        )

    Reporter.claim = claim  # type: ignore[method-assign]


def report() -> None:
    """Gives a number as a text, in its last report."""
    encode = shared.stage_report.encode

    def changed(value: Any) -> bytes:
        data = encode(value)
        return re.sub(rb'"log_bytes":(\d+)', rb'"log_bytes":"\1"', data) if value.status.final else data

    shared.stage_report.encode = changed


def log() -> None:
    """Prints what it does not archive."""
    print("starting up", flush=True)


def exit_code() -> None:
    """Exits with 1 where the infrastructure failed, though not where it refuses its context."""
    end = os._exit
    os._exit = lambda code: end(1 if code == 3 and has_known_version() else code)  # type: ignore[assignment]


def stop() -> None:
    """Dies of SIGTERM, as a program does that gives it no thought."""
    Interruption._handle = lambda *_: os._exit(143)  # type: ignore[method-assign, assignment]


def masking() -> None:
    """Masks nothing."""
    shared.stage_log.secret_forms = lambda _values: ()


BREAKS = {
    each.__name__: each
    for each in (context, context__exit, context__object, claim, report, log, exit_code, stop, masking)
}

if __name__ == "__main__":
    BREAKS[sys.argv[1]]()
    run_stage(partial(execute, command=sys.argv[2:]), clone=True)
