"""The stage type `command`: the user's command in the user's container, its output and exit code brought back."""

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING

from shared.errors import InputError, UserWorkFailed
from shared.json_value import Json
from shared.process_end import describe
from shared.variables import variables
from stage_images.command.handoff import HandOff

if TYPE_CHECKING:
    from shared.stage_run import StageRun


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
