"""How the command line starts the one-machine mode: `python -m local …` as a process of its own.

The program's contract: results as one JSON line on stdout; progress for people on stderr, and there an error as
one line that begins with `kontinuous: `; the exit codes of `shared.errors`.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.errors import EXIT_INPUT, EXIT_INTERRUPTED, InfrastructureError, InputError, Interrupted, KontinuousError

if TYPE_CHECKING:
    from subprocess import Popen

ERROR_MARK = "kontinuous: "
SET_BY_HOOKS = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"})


Say = Callable[[str], None]


def _silence(_line: str) -> None:
    """Show no progress."""


def _our_python() -> tuple[str, ...]:
    # -P: a folder named `local` in the user's current folder must not be taken for ours.
    return (sys.executable, "-P", "-m", "local")


class LocalProgram:
    """The program to start: `command` is the first words of its command line; tests hand in another one."""

    def __init__(self, command: Sequence[str] = ()) -> None:
        self.command = command or _our_python()

    def environment(self) -> dict[str, str]:
        """Our own environment, with the folder of our packages first on Python's path."""
        ours = str(Path(__file__).resolve().parents[1])
        return outside_of_hooks() | {"PYTHONPATH": os.pathsep.join(filter(None, (ours, os.environ.get("PYTHONPATH"))))}

    def ask(self, *arguments: str, say: Say = _silence) -> Mapping[str, Any]:
        """Run one command to its end and read the JSON object that it prints; raises what it failed with."""
        import json

        text = self.output(*arguments, say=say)
        try:
            answer = json.loads(text)
        except ValueError as error:
            raise InfrastructureError(f"`local {arguments[0]}` answered {text[:80]!r} instead of JSON") from error
        return dict(answer)

    def output(self, *arguments: str, say: Say = _silence) -> str:
        """Run one command to its end and give what it printed (a few lines: a pipe holds them until then).

        Its progress goes to `say`, line by line. Raises what it failed with.
        """
        import subprocess

        pipe, quiet = subprocess.PIPE, subprocess.DEVNULL
        command, said = [*self.command, *arguments], list[str]()
        with subprocess.Popen(
            command, env=self.environment(), stdin=quiet, stdout=pipe, stderr=pipe, text=True, errors="replace"
        ) as child:
            for line in child.stderr or ():
                said.append(line.rstrip("\n"))
                if not line.startswith(ERROR_MARK):
                    say(said[-1])
            printed = child.stdout.read() if child.stdout else ""
        if child.returncode:
            raise failure(child.returncode, said, f"`local {arguments[0]}`")
        return printed

    def start(self, *arguments: str) -> "Popen[str]":
        """Start one command with pipes to all its streams; Ctrl-C in our terminal does not reach its process group."""
        import subprocess

        return subprocess.Popen(
            [*self.command, *arguments],
            env=self.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            process_group=0,
        )

    def become(self, *arguments: str) -> None:
        """Replace this process by the program; never returns."""
        command = [*self.command, *arguments]
        os.execve(command[0], command, self.environment())


def outside_of_hooks() -> dict[str, str]:
    """Our environment without what a surrounding git hook sets: every git command names its folder itself."""
    return {key: value for key, value in os.environ.items() if key not in SET_BY_HOOKS}


def failure(exit_code: int, stderr: Sequence[str], what: str) -> KontinuousError:
    """The error that a program's exit code and last words on stderr stand for."""
    marked = [line.removeprefix(ERROR_MARK) for line in stderr if line.startswith(ERROR_MARK)]
    words = [line.strip() for line in stderr if line.strip()]
    text = (marked or words or ["it did not say why"])[-1]
    message = text if marked else f"{what} failed with exit code {exit_code}: {text}"
    match exit_code:
        case code if code == EXIT_INPUT:
            return InputError(message)
        case code if code == EXIT_INTERRUPTED:
            return Interrupted(message)
        case _:
            return InfrastructureError(message)
