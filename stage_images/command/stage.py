"""The stage type `command`: the user's command in the user's container, its output and exit code brought back."""

import json
import shlex
import signal
from collections.abc import Mapping
from typing import TYPE_CHECKING

from shared.errors import InputError, UserWorkFailed
from shared.model import Json
from stage_images.command.handoff import HandOff

if TYPE_CHECKING:
    from shared.stage import StageRun

MAX_VARIABLE_BYTES = 128 * 1024  # Linux: MAX_ARG_STRLEN, name, `=`, value and the NUL at the end

NOT_EXECUTABLE = 126
NOT_FOUND = 127
SIGNALLED = 128  # plus the signal's number


def execute(run: "StageRun", handoff: HandOff) -> Mapping[str, Json]:
    """Run the stage's `command` with its `args`; the Job's manifest has already put both into the user's container.

    Raises UserWorkFailed for any exit code but 0, InputError for params that no process can be given.
    """
    command = command_line(run.context.params)
    added = variables(run.params)
    _ = run.workspace  # the command may look at it, so it waits for the clone
    run.log.note(f"$ {shlex.join(command)}")
    relay = handoff.start(added)
    try:
        code = relay.run(run.log.write)
    finally:
        if not relay.never_began:
            run.work_begins()
    if code != 0:
        raise UserWorkFailed(describe(code), work_exit_code=code)
    return {}


def command_line(params: Mapping[str, Json]) -> list[str]:
    """The words of `command` and `args`. Raises InputError where they are not lists of texts, or `command` is empty."""
    command, args = params.get("command"), params.get("args") or []
    for name, words in (("command", command), ("args", args)):
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise InputError(f"the param `{name}` must be a list of texts, such as [make, test]")
    if not command:
        raise InputError("the param `command` is empty: it must name what to run, such as [make, test]")
    return [*command, *args]


def variables(params: Mapping[str, Json]) -> dict[str, bytes]:
    """Each param as a variable of its own name: a text as it is, anything else as JSON.

    Raises InputError for one that no process can be given.
    """
    return {name: _variable(name, value) for name, value in params.items()}


def _variable(name: str, value: Json) -> bytes:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    data = text.encode("utf-8", "surrogateescape")
    if not name or "=" in name or "\0" in name or b"\0" in data:
        raise InputError(f"the param {name!r} cannot be a variable: no name may be empty or hold a =, no value a NUL")
    if len(name.encode()) + len(data) + 2 > MAX_VARIABLE_BYTES:
        raise InputError(
            f"the param `{name}` has {len(data)} bytes, and {MAX_VARIABLE_BYTES} is the most for a variable"
        )
    return data


def describe(code: int) -> str:
    """What an exit code other than 0 means, in a sentence."""
    said = f"the command exited with {code}"
    if code == NOT_EXECUTABLE:
        return f"{said}: it, or something it calls, is there but cannot be executed"
    if code == NOT_FOUND:
        return f"{said}: it, or something it calls, was not found in the image"
    if code == SIGNALLED + signal.SIGKILL:
        return f"{said}: it was killed (SIGKILL), which is also what happens when memory runs out"
    if name := _signal_name(code - SIGNALLED):
        return f"{said}: it was ended by {name}"
    return said


def _signal_name(number: int) -> str:
    return signal.Signals(number).name if number in {*signal.Signals} else ""
