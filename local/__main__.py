"""`python -m local`: the one-machine mode as a program; the `kontinuous` command starts it.

Results are one JSON line on stdout. Progress goes to stderr, and so does an error, as one line that begins with
`kontinuous: `. The exit codes are those of `shared.errors`.
"""

import argparse
import json
import logging
import os
import signal
import sys
from pathlib import Path

from local.home import open_home
from local.progress import say_on_stderr
from shared.codec import to_json
from shared.errors import EXIT_INFRASTRUCTURE, EXIT_INTERRUPTED, EXIT_SUCCESS, KontinuousError, UserWorkFailed


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line asks for; returns the exit code."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what was started is stopped, as on Ctrl-C
    try:
        _do(options)
    except KontinuousError as error:
        return _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _fail("interrupted", EXIT_INTERRUPTED)
    except OSError as error:
        return _fail(f"the system refused: {error}", EXIT_INFRASTRUCTURE)
    return EXIT_SUCCESS


def _fail(text: str, exit_code: int) -> int:
    say_on_stderr("kontinuous: " + text.replace("\n", "\n  "))
    return exit_code


def _do(options: argparse.Namespace) -> None:
    match options.command:
        case "serve":
            from local.serve import serve

            serve(open_home(os.environ), say_on_stderr, options.port, options.lifeline)
        case "source":
            _source(options)
        case "example":
            from local.example import prepare

            _answer(prepare(options.name, open_home(os.environ), say_on_stderr))
        case "conformance":
            _prove(options)
        case "verify-example":
            from local.example import show

            print(show(options.name, options.image, open_home(os.environ), say_on_stderr))
        case _:
            raise ValueError(f"{options.command} is not a command")


def _prove(options: argparse.Namespace) -> None:
    from local.conformance.prove import proving, read_params, table

    params = read_params(options.param)
    with proving(options.folder, open_home(os.environ), say_on_stderr) as proof:
        findings = proof.of(options.image, options.type, params)
    print(table(findings))
    if broken := [finding.check for finding in findings if finding.problem]:
        raise UserWorkFailed(f"{options.image} does not keep the stage contract: {', '.join(broken)}")


def _source(options: argparse.Namespace) -> None:
    from local.folder_source import hand_over, identify

    if options.identify:
        _answer({"repository": str(identify(options.folder))})
        return
    _answer(hand_over(options.folder, open_home(os.environ).git, options.ref, options.dirty))


def _answer(value: object) -> None:
    print(json.dumps(to_json(value)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description="The one-machine mode of kontinuous.")
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="start everything and answer the API until told to stop")
    serve.add_argument("--port", type=int, help="fail where it is taken; without it, 3005 or the next free one")
    serve.add_argument("--lifeline", action="store_true", help="stop when stdin ends")
    source = commands.add_parser("source", help="hand one commit of a git folder over to the service")
    source.add_argument("folder", type=Path)
    source.add_argument("--ref", default="")
    source.add_argument("--dirty", action="store_true")
    source.add_argument("--identify", action="store_true", help="only say which repository the folder is")
    example = commands.add_parser("example", help="make a repository of an example and start its registry")
    example.add_argument("name")
    conformance = commands.add_parser("conformance", help="prove that a stage image keeps the contract")
    conformance.add_argument("image")
    conformance.add_argument("--type", default="conformance")
    conformance.add_argument("--param", action="append", default=[])
    conformance.add_argument("--folder", type=Path)
    verify = commands.add_parser("verify-example", help="pull and run an image that an example published")
    verify.add_argument("name")
    verify.add_argument("image")
    return parser


if __name__ == "__main__":
    sys.exit(main())
