"""Questions to the person at the terminal: a yes before something is deleted, a secret that is not shown."""

import sys

from shared.errors import InputError, Interrupted


def confirm(question: str, *, yes: bool) -> None:
    """Go on only where a person says yes, or `yes` says so beforehand.

    Raises InputError where nobody can be asked, Interrupted where they do not say yes.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise InputError(f"{question} Nobody is at a terminal to answer: say --yes")
    if ask(f"{question} [y/N] ").lower() not in ("y", "yes"):
        raise Interrupted("nothing was done")


def ask(prompt: str) -> str:
    """What a person writes on one line; the prompt goes to stderr, as stdout is for results."""
    print(prompt, end="", file=sys.stderr, flush=True)
    line = sys.stdin.readline()
    if not line:
        raise Interrupted("no answer was given")
    return line.strip()


def ask_secret(what: str) -> str:
    """What a person writes unseen; raises InputError where there is no terminal, or nothing was written."""
    from getpass import getpass

    if not sys.stdin.isatty():
        raise InputError(f"{what} is wanted, and there is no terminal to ask at; see `kontinuous login --help`")
    try:
        given = getpass(f"{what}: ", stream=sys.stderr).strip()
    except EOFError as error:
        raise Interrupted("no answer was given") from error
    if not given:
        raise InputError(f"{what} is wanted")
    return given


def read_secret(what: str) -> str:
    """The one line of stdin; raises InputError where it is empty."""
    given = sys.stdin.readline().strip()
    if not given:
        raise InputError(f"{what} is expected on stdin, and there was nothing")
    return given
