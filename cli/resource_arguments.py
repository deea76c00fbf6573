"""The commands on what the service has: pipelines, builds, stages, repositories, logs, artifacts."""

from pathlib import Path

from cli.command import Command, Parser, add_build, add_output, whole_number

LISTS = ("pipelines", "builds", "stages", "repos")


def _get(parser: Parser) -> None:
    parser.add_argument("what", type=_plural, choices=LISTS, help="what to list")
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="only this REPOSITORY or BUILD; for stages: their BUILD"
    )
    parser.add_argument("-p", "--pipeline", metavar="REPOSITORY", help="for builds and stages: of this repository")
    parser.add_argument("--limit", type=whole_number(1), default=20, help="for builds: at most this many (default: 20)")
    add_output(parser)


def _describe(parser: Parser) -> None:
    parser.add_argument("what", type=_singular, choices=("pipeline", "build", "stage"), help="what to describe")
    parser.add_argument(
        "name", metavar="NAME", help="the pipeline's REPOSITORY, or a BUILD: a number, or REPOSITORY/NUMBER"
    )
    parser.add_argument("stage", nargs="?", metavar="STAGE", help="for a stage: its name or id")
    add_output(parser)


def _create(parser: Parser) -> None:
    parser.add_argument("what", type=_singular, choices=("pipeline", "build"), help="what to create")
    parser.add_argument("repository", metavar="REPOSITORY", help="host/owner/name, such as github.com/acme/shop")
    parser.add_argument("--ref", default="", help="for a build: branch, tag or commit (default: the default branch)")
    parser.add_argument("--stage", action="append", default=[], metavar="NAME", help="run only this stage; repeatable")
    parser.add_argument("-f", "--follow", action="store_true", help="show the build until it ends")
    add_output(parser)


def _delete(parser: Parser) -> None:
    parser.add_argument("what", type=_singular, choices=("pipeline", "build"), help="what to delete")
    parser.add_argument("name", metavar="NAME", help="the pipeline's REPOSITORY, or a finished BUILD")
    add_yes(parser)


def _logs(parser: Parser) -> None:
    add_build(parser)
    parser.add_argument("--stage", metavar="NAME", help="only this stage (default: all, in order)")
    _attempt(parser)
    parser.add_argument("-f", "--follow", action="store_true", help="go on until the build ends")


def _resume(parser: Parser) -> None:
    add_build(parser)
    parser.add_argument("--from", dest="stage", metavar="STAGE", required=True, help="the first stage to run again")
    parser.add_argument("-f", "--follow", action="store_true", help="show the build until it ends")
    add_output(parser)


def _cancel(parser: Parser) -> None:
    add_build(parser)
    add_output(parser)


def _artifacts(parser: Parser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="list what a build's stages have kept", allow_abbrev=False)
    _kept_by(listing)
    add_output(listing)
    getting = actions.add_parser("get", help="download it", allow_abbrev=False)
    _kept_by(getting)
    getting.add_argument(
        "paths", nargs="*", default=[], metavar="PATH", help="only these files or folders (default: all)"
    )
    getting.add_argument(
        "-o", "--into", type=Path, default=Path(), metavar="FOLDER", help="where to (default: the current folder)"
    )


def _kept_by(parser: Parser) -> None:
    add_build(parser)
    parser.add_argument("--stage", metavar="NAME", help="only what this stage has kept (default: all of them)")
    _attempt(parser)


def _attempt(parser: Parser) -> None:
    parser.add_argument(
        "--attempt", type=whole_number(1), metavar="N", help="the stage's attempt (default: the newest)"
    )


def add_yes(parser: Parser) -> None:
    """Add what answers the question before something is deleted."""
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")


def _plural(word: str) -> str:
    return f"{word}s" if f"{word}s" in LISTS else word


def _singular(word: str) -> str:
    return word.removesuffix("s")


RESOURCE_COMMANDS = (
    Command("get", "list pipelines, builds, a build's stages, or repositories", "cli.get", _get),
    Command("describe", "tell all about a pipeline, a build or a stage", "cli.describe", _describe),
    Command("create", "add a repository's pipeline, or start a build of it", "cli.create", _create),
    Command("delete", "delete a pipeline with all its builds, or one build", "cli.delete", _delete),
    Command("logs", "print the log of a build's stages", "cli.logs", _logs),
    Command("cancel", "cancel a build", "cli.cancel", _cancel),
    Command("resume", "run a finished build again from one of its stages on", "cli.resume", _resume),
    Command("artifacts", "list or download what a build's stages have kept", "cli.artifacts", _artifacts),
)
