"""The program of stage images that each break the stage contract in one way: `python -m broken NAME -- PROGRAM …`.

It runs in the image, on the runtime that ships, with one thing changed.
"""

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
from shared.stage_report import Reporter
from stage_images.program.stage import execute


def context() -> None:
    """Takes a context of any version for one of its own."""
    text = os.environ[CONTEXT_VARIABLE]
    os.environ[CONTEXT_VARIABLE] = re.sub(r'"version": ?\d+', '"version": 1', text)


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
    """Exits with 1 where the infrastructure failed."""
    end = os._exit
    os._exit = lambda code: end(1 if code == 3 else code)  # type: ignore[assignment]


def stop() -> None:
    """Dies of SIGTERM, as a program does that gives it no thought."""
    Interruption._handle = lambda *_: os._exit(143)  # type: ignore[method-assign, assignment]


def masking() -> None:
    """Masks nothing."""
    shared.stage_log.secret_forms = lambda _values: ()


BREAKS = {each.__name__: each for each in (context, claim, report, log, exit_code, stop, masking)}

if __name__ == "__main__":
    BREAKS[sys.argv[1]]()
    run_stage(partial(execute, command=sys.argv[2:]), clone=True)
