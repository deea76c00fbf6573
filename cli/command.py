"""What a command of `kontinuous` is: its name, its arguments, and the module that does it."""

import os
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple, NoReturn

from cli.program import LocalProgram
from shared.errors import EXIT_INPUT

OUTPUTS = ("table", "json", "yaml")
ASKED_TO_COMPLETE = "_ARGCOMPLETE"
"""The variable with which argcomplete's shell scripts call us."""

Execute = Callable[[Namespace, LocalProgram], int]


class Parser(ArgumentParser):
    """An argument parser whose errors are one line, and that takes options between positional arguments, too.

    Before Python 3.13 an optional argument is only found beside the one before it: not in `get stages -o json 3`.
    """

    _mixing = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse's own, which the way through intermixed arguments comes back to."""
        if self._mixing or self._subparsers is not None or ASKED_TO_COMPLETE in os.environ:
            return super().parse_known_args(args, namespace)
        self._mixing = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._mixing = False

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where to read on; exit 2."""
        self.exit(EXIT_INPUT, f"{self.prog}: {message}; see `{self.prog} --help`\n")


class Command(NamedTuple):
    """One command: its name, one line of help, the module whose `execute` does it, and what adds its arguments."""

    name: str
    help: str
    module: str
    arguments: Callable[[Parser], None]

    def load(self) -> Execute:
        """Import the command's module and give its `execute(args, program) -> exit code`."""
        execute: Execute = import_module(self.module).execute
        return execute


def whole_number(least: int, most: int | None = None) -> Callable[[str], int]:
    """The type of an argument that is a whole number in this range."""
    wanted = f"a whole number from {least} " + ("on" if most is None else f"to {most}")

    def read(text: str) -> int:
        number = int(text) if text.isascii() and text.isdigit() else least - 1
        if number < least or (most is not None and number > most):
            raise ArgumentTypeError(f"{text!r} is not {wanted}")
        return number

    return read


def add_output(parser: Parser) -> None:
    """Add `-o table|json|yaml`."""
    parser.add_argument("-o", "--output", choices=OUTPUTS, default="table", help="how to print the result")


def add_build(parser: Parser) -> None:
    """Add the build that a command is about."""
    parser.add_argument("build", metavar="BUILD", help="a number, or REPOSITORY/NUMBER")
