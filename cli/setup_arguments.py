"""The commands that set something up: a login, a pipeline file, a cluster, a shell."""

from pathlib import Path

from cli.command import Command, Parser
from cli.resource_arguments import add_yes

SHELLS = ("bash", "zsh", "fish")


def _init(parser: Parser) -> None:
    parser.add_argument("folder", nargs="?", type=Path, default=Path(), help="a git folder (default: the current one)")
    parser.add_argument("--publish", metavar="REGISTRY/NAME", help="publish the image there, such as quay.io/acme/shop")
    parser.add_argument("--namespace", default="kontinuous-builds", help="where its Jobs run (default: %(default)s)")
    parser.add_argument("--force", action="store_true", help="replace a file that is there")


def _login(parser: Parser) -> None:
    parser.add_argument("url", nargs="?", metavar="URL", help="where kontinuous is (default: as before)")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--token-stdin", action="store_true", help="read a token of the API from stdin")
    how.add_argument(
        "--github-token-stdin",
        action="store_true",
        help="read a GitHub token from stdin; AuthSecret is KONTINUOUS_AUTH_SECRET",
    )
    how.add_argument("--with-secret", action="store_true", help="ask for AuthSecret and a GitHub token in any case")


def _logout(_parser: Parser) -> None:
    """It takes no arguments."""


def _deploy(parser: Parser) -> None:
    parser.add_argument("action", nargs="?", choices=("install", "remove"), default="install", help="default: install")
    parser.add_argument("--context", metavar="NAME", help="kubectl's context (default: its current one)")
    parser.add_argument("--images", type=Path, metavar="FILE", help="what `make push REGISTRY=…` printed")
    parser.add_argument("--timeout", type=int, default=600, metavar="SECONDS", help="how long to wait (default: 600)")
    add_yes(parser)


def _completion(parser: Parser) -> None:
    parser.add_argument("shell", choices=SHELLS, help="the shell to print a script for")


SETUP_COMMANDS = (
    Command("init", "write a first pipeline file for a repository", "cli.init", _init),
    Command("login", "say which kontinuous to talk to, and as whom", "cli.login", _login),
    Command("logout", "forget what `login` saved", "cli.logout", _logout),
    Command("deploy", "install kontinuous into a cluster, or remove it", "cli.deploy", _deploy),
    Command("completion", "print what completes commands in your shell", "cli.completion", _completion),
)
