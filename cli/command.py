"""What a command of `kontinuous` is: its name, its arguments, and the module that does it."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from importlib import import_module
from typing import NamedTuple, NoReturn

from cli.program import LocalProgram
from shared.errors import EXIT_INPUT

OUTPUTS = ("table", "json", "yaml")

Execute = Callable[[Namespace, LocalProgram], int]


class Parser(ArgumentParser):
    """An argument parser whose errors are one line."""

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


def add_output(parser: Parser) -> None:
    """Add `-o table|json|yaml`."""
    parser.add_argument("-o", "--output", choices=OUTPUTS, default="table", help="how to print the result")


def add_build(parser: Parser) -> None:
    """Add the build that a command is about."""
    parser.add_argument("build", metavar="BUILD", help="a number, or REPOSITORY/NUMBER")
