"""Every command of `kontinuous` with its arguments. Only the modules of arguments are read for `--help`;
a command's own module is imported when the command is run."""

import os
import sys
from argparse import Action, ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from cli.command import ASKED_TO_COMPLETE, Command, Parser, add_output, whole_number
from cli.resource_arguments import RESOURCE_COMMANDS
from cli.setup_arguments import SETUP_COMMANDS

DESCRIPTION = "Continuous integration and delivery native to Kubernetes."
EPILOG = "exit codes: 0 success, 1 the build failed, 2 wrong input, 3 infrastructure, 130 interrupted or cancelled"
DEFAULT_PORT = 3005


def parse(argv: Sequence[str] | None) -> tuple[Command, Namespace]:
    """Read the command line; wrong arguments, `--help` and `--version` end the process.

    Only the command that is named gets its arguments: making those of all takes longer than the rest of `--help`.
    """
    words = sys.argv[1:] if argv is None else argv
    completing = ASKED_TO_COMPLETE in os.environ
    parser = Parser(prog="kontinuous", description=DESCRIPTION, epilog=EPILOG, allow_abbrev=False)
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND", required=True)
    for command in COMMANDS:
        sub = commands.add_parser(command.name, help=command.help, description=command.help, allow_abbrev=False)
        if completing or command.name in words:
            command.arguments(sub)
    if completing:
        from cli.completers import complete

        complete(parser)
    args = parser.parse_args(words)
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
    add_output(parser)


def _example(parser: Parser) -> None:
    parser.add_argument("name", nargs="?", default="hello", help="the example's name (default: hello)")
    add_output(parser)


def _lint(parser: Parser) -> None:
    default = Path(".pipeline.yml")
    parser.add_argument("file", nargs="?", type=Path, default=default, help=f"the file to check (default: {default})")
    parser.add_argument("--catalogue", type=Path, metavar="FILE", help="stage types of your own, as in STAGE_IMAGES")


def _serve(parser: Parser) -> None:
    parser.add_argument(
        "--port", type=whole_number(1, 65535), help=f"the port to listen on (default: {DEFAULT_PORT} or the next free)"
    )


def _conformance(parser: Parser) -> None:
    parser.add_argument("image", metavar="IMAGE", help="the stage image, as the Docker engine of this machine knows it")
    parser.add_argument("--type", default="conformance", help="the stage type that it is for, if a built-in one")
    parser.add_argument(
        "--param", action="append", default=[], metavar="NAME=VALUE", help="a param, perhaps as JSON; repeatable"
    )
    parser.add_argument("--folder", type=Path, help="a git folder whose HEAD the stage clones (default: one file)")


COMMANDS = (
    Command("run", "run a folder's pipeline on this machine", "cli.run", _run),
    Command("example", "run an example that comes with kontinuous", "cli.example", _example),
    Command("lint", "check a pipeline file without running it", "cli.lint", _lint),
    Command("serve", "keep the one-machine service up", "cli.serve", _serve),
    Command("conformance", "prove that a stage image keeps the contract", "cli.conformance", _conformance),
    *RESOURCE_COMMANDS,
    *SETUP_COMMANDS,
)
