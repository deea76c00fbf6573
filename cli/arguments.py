"""Every command of `kontinuous` with its arguments. Only this module is read for `--help`; a command's own module
is imported when the command is run."""

from argparse import Action, ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from cli.program import LocalProgram
from shared.errors import EXIT_INPUT

DESCRIPTION = "Continuous integration and delivery native to Kubernetes."
EPILOG = "exit codes: 0 success, 1 the build failed, 2 wrong input, 3 infrastructure, 130 interrupted or cancelled"
OUTPUTS = ("table", "json", "yaml")
DEFAULT_PORT = 3005

Execute = Callable[[Namespace, LocalProgram], int]


class Parser(ArgumentParser):
    """An argument parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where to read on; exit 2."""
        self.exit(EXIT_INPUT, f"{self.prog}: {message}; see `{self.prog} --help`\n")


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its name, one line of help, the module whose `execute` does it, and what adds its arguments."""

    name: str
    help: str
    module: str
    arguments: Callable[[Parser], None]

    def load(self) -> Execute:
        """Import the command's module and give its `execute(args, program) -> exit code`."""
        execute: Execute = import_module(self.module).execute
        return execute


def parse(argv: Sequence[str] | None) -> tuple[Command, Namespace]:
    """Read the command line; wrong arguments, `--help` and `--version` end the process."""
    parser = Parser(prog="kontinuous", description=DESCRIPTION, epilog=EPILOG, allow_abbrev=False)
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND", required=True)
    for command in COMMANDS:
        sub = commands.add_parser(command.name, help=command.help, description=command.help, allow_abbrev=False)
        command.arguments(sub)
    args = parser.parse_args(argv)
    return next(command for command in COMMANDS if command.name == args.command), args


class _Version(Action):
    def __call__(self, parser: ArgumentParser, *_: object) -> None:
        from cli.version import version

        print(f"kontinuous {version()}")
        parser.exit()


def _run(parser: Parser) -> None:
    parser.add_argument("folder", nargs="?", type=Path, default=Path(), help="a git folder (default: the current one)")
    parser.add_argument("--ref", help="the branch, tag or commit to build (default: HEAD)")
    parser.add_argument("--dirty", action="store_true", help="build the work tree with its uncommitted changes")
    parser.add_argument("--secrets", type=Path, metavar="FILE", help="a YAML file of Kubernetes Secret documents")
    parser.add_argument("--stage", action="append", default=[], metavar="NAME", help="run only this stage; repeatable")
    _output(parser)


def _example(parser: Parser) -> None:
    parser.add_argument("name", nargs="?", default="hello", help="the example's name (default: hello)")
    _output(parser)


def _lint(parser: Parser) -> None:
    default = Path(".pipeline.yml")
    parser.add_argument("file", nargs="?", type=Path, default=default, help=f"the file to check (default: {default})")
    parser.add_argument("--catalogue", type=Path, metavar="FILE", help="stage types of your own, as in STAGE_IMAGES")


def _serve(parser: Parser) -> None:
    parser.add_argument("--port", type=int, help=f"the port to listen on (default: {DEFAULT_PORT} or the next free)")


def _conformance(parser: Parser) -> None:
    parser.add_argument("image", metavar="IMAGE", help="the stage image, as the Docker engine of this machine knows it")
    parser.add_argument("--type", default="conformance", help="the stage type that it is for, if a built-in one")
    parser.add_argument(
        "--param", action="append", default=[], metavar="NAME=VALUE", help="a param, perhaps as JSON; repeatable"
    )
    parser.add_argument("--folder", type=Path, help="a git folder whose HEAD the stage clones (default: one file)")


def _get(parser: Parser) -> None:
    parser.add_argument("what", choices=("builds", "pipelines", "stages"), help="what to list")
    parser.add_argument("build", nargs="?", metavar="BUILD", help="for stages: a number, or REPOSITORY/NUMBER")
    parser.add_argument("-p", "--pipeline", metavar="REPOSITORY", help="for builds: only those of this repository")
    parser.add_argument("--limit", type=int, default=20, help="for builds: at most this many (default: 20)")
    _output(parser)


def _create(parser: Parser) -> None:
    parser.add_argument("what", choices=("pipeline", "build"), help="what to create")
    parser.add_argument("repository", metavar="REPOSITORY", help="host/owner/name, such as github.com/acme/shop")
    parser.add_argument("--ref", default="", help="for a build: branch, tag or commit (default: the default branch)")
    parser.add_argument("--stage", action="append", default=[], metavar="NAME", help="run only this stage; repeatable")
    parser.add_argument("-f", "--follow", action="store_true", help="show the build until it ends")
    _output(parser)


def _logs(parser: Parser) -> None:
    _build(parser)
    parser.add_argument("--stage", metavar="NAME", help="only this stage (default: all, in order)")
    parser.add_argument("--attempt", type=int, metavar="N", help="the stage's attempt (default: the newest)")
    parser.add_argument("-f", "--follow", action="store_true", help="go on until the build ends")


def _cancel(parser: Parser) -> None:
    _build(parser)
    _output(parser)


def _build(parser: Parser) -> None:
    parser.add_argument("build", metavar="BUILD", help="a number, or REPOSITORY/NUMBER")


def _output(parser: Parser) -> None:
    parser.add_argument("-o", "--output", choices=OUTPUTS, default="table", help="how to print the result")


COMMANDS = (
    Command("run", "run a folder's pipeline on this machine", "cli.run", _run),
    Command("example", "run an example that comes with kontinuous", "cli.example", _example),
    Command("lint", "check a pipeline file without running it", "cli.lint", _lint),
    Command("serve", "keep the one-machine service up", "cli.serve", _serve),
    Command("conformance", "prove that a stage image keeps the contract", "cli.conformance", _conformance),
    Command("get", "list builds, pipelines or a build's stages", "cli.get", _get),
    Command("create", "add a repository's pipeline, or start a build of it", "cli.create", _create),
    Command("logs", "print the log of a build's stages", "cli.logs", _logs),
    Command("cancel", "cancel a build", "cli.cancel", _cancel),
)
