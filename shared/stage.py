"""The runtime of a stage: everything that the stage contract asks for, around one function that does the work.

`run_stage(execute, clone=…)` starts the clone, reports RUNNING, calls `execute`, keeps the artifacts, archives the
log, reports how it ended and exits. docs/stage-contract.md is the contract; this and `shared.stage_life` are its
Python side: here is only what is needed until the clone runs, and beside that the rest is imported.
"""

import gc
import os
import signal
import sys
import tempfile
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from shared import keys
from shared.errors import EXIT_INFRASTRUCTURE, EXIT_INTERRUPTED, KontinuousError
from shared.git import Checkout
from shared.stage_input import Folders, StageInput, read_input
from shared.workspace import ClonedWorkspace

if TYPE_CHECKING:
    from shared.stage_run import Execute

__all__ = ["Folders", "run_stage"]

_GARBAGE_FROM = 100_000
"""A stage imports some 30,000 objects that stay, among which Python would look for garbage seventeen times, for 6 ms.
Not for ever: one that runs for hours may make garbage. By then it looks when there are a few MB at most."""


def run_stage(
    execute: "Execute",
    *,
    clone: bool,
    folders: Folders | None = None,
    around: AbstractContextManager[object] | None = None,
) -> NoReturn:
    """Be a stage, and exit: 0 success, 1 the user's work failed, 2 wrong input, 3 infrastructure, 130 interrupted.

    `clone` says whether the commit is wanted in the workspace. `around` is entered before all else and left however
    the stage ends: this function never returns, so a `with` around its call would not be. Only the main thread may
    call this.
    """
    # To a container's first process the kernel gives no signal that it does not handle; until `Interruption` does,
    # nothing has begun that would have to be ended.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(EXIT_INTERRUPTED))
    gc.set_threshold(_GARBAGE_FROM)
    try:
        with around or nullcontext():
            code = _be_stage(execute, clone, folders or Folders())
    except KontinuousError as error:
        print(f"kontinuous: {error}", file=sys.stderr)
        code = error.exit_code
    except BaseException as error:  # with exit code 1 it would count as the user's failure
        print(f"kontinuous: {type(error).__name__}: {error}", file=sys.stderr)
        code = EXIT_INFRASTRUCTURE
    # Taking down the interpreter with its libraries costs 60 ms of CPU and may hang on a thread of theirs.
    sys.stderr.flush()
    os._exit(code)


def _be_stage(execute: "Execute", clone: bool, folders: Folders) -> int:
    stdout = _take_stdout()
    given = read_input(os.environ, folders)
    workspace = _cloning(given, folders.workspace) if clone else None
    from shared.stage_life import StageLife

    with tempfile.TemporaryDirectory(prefix="stage-", dir=folders.scratch) as scratch:
        return StageLife(given, workspace, Path(scratch), stdout).live(execute)


def _take_stdout() -> int:
    """Keep stdout for the log alone: whatever else is printed, by us or by children, goes to stderr."""
    stdout = os.dup(1)
    os.dup2(2, 1)
    return stdout


def _cloning(given: StageInput, folder: Path) -> ClonedWorkspace:
    context, credentials = given.context, given.credentials
    user, password = credentials.get(keys.GIT_USER, ""), credentials.get(keys.GIT_PASSWORD, "")
    checkout = Checkout(context.clone_url, context.commit, folder, ref=context.ref, user=user, password=password)
    workspace = ClonedWorkspace(checkout, folder)
    workspace.start()
    return workspace
