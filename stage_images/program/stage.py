"""A program of the image as a stage: it gets the clone and the params as variables, and all the rest is done for it.

It runs in the stage's own container, beside our credentials. So it is the operator's program that works on the user's
files, not the user's own: that is what the type `command` is for.
"""

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from shared import keys
from shared.errors import InfrastructureError, InputError, UserWorkFailed
from shared.json_value import Json
from shared.process_end import NOT_EXECUTABLE, NOT_FOUND, describe
from shared.status import Fault
from shared.value_formats import variable_name
from shared.variables import variables
from stage_images.program.child import Child
from stage_images.program.outcome import Outcome, read_outcome

if TYPE_CHECKING:
    from shared.stage_run import StageRun

OURS = frozenset({"PYTHONPATH", "PYTHONDONTWRITEBYTECODE"})
"""Variables of the image that are for our own Python, whose libraries must not shadow the program's."""


def execute(run: "StageRun", command: Sequence[str]) -> Mapping[str, Json]:
    """Run `command` in the clone; returns the `result` that it wrote, if any.

    Raises UserWorkFailed for any exit code but 0, or what the program says it was; InputError for params that no
    process can be given or that would steer it, InfrastructureError where the image has no such program.
    """
    if not command:
        raise InfrastructureError("the stage's image names no program: its Dockerfile wants a CMD")
    added = _harmless(variables(run.params))
    workspace = run.workspace
    with tempfile.TemporaryDirectory(prefix="program-") as scratch:
        file = Path(scratch) / "outcome.json"
        child = _started(command, workspace, _environment(added, file))
        run.work_begins()
        code = child.run(run.log.write)
        outcome = read_outcome(file)
    for text in outcome.warnings:
        run.warn(text)
    if code != 0:
        _fail(code, outcome)
    return outcome.result


def _harmless(added: Mapping[str, bytes]) -> Mapping[str, bytes]:
    # Pipeline files are held to this for most types already; but the image may stand for `command`, whose params
    # are variables of the user's own container, where any may be set.
    for name in added:
        if complaint := variable_name(name):
            raise InputError(f"the param `{name}` {complaint}")
    return added


def _environment(added: Mapping[str, bytes], file: Path) -> dict[bytes, bytes]:
    own = {os.fsencode(name): os.fsencode(value) for name, value in os.environ.items() if name not in OURS}
    params = {name.encode("utf-8", "surrogateescape"): value for name, value in added.items()}
    return {**own, **params, keys.OUTCOME_VARIABLE.encode(): os.fsencode(file)}


def _started(command: Sequence[str], folder: Path, environment: Mapping[bytes, bytes]) -> Child:
    try:
        return Child(command, folder, environment)
    except OSError as error:
        why = describe(NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE, "program")
        raise InfrastructureError(f"the stage's image cannot run {command[0]!r}: {why}") from error


def _fail(code: int, outcome: Outcome) -> None:
    reason = outcome.reason or describe(code, "program")
    match outcome.fault:
        case Fault.USER:
            raise UserWorkFailed(reason, work_exit_code=code)
        case Fault.INPUT:
            raise InputError(reason)
        case Fault.INFRASTRUCTURE:
            raise InfrastructureError(reason)
