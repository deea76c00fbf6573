"""`kontinuous delete`: remove a pipeline with all that was built from it, or one finished build."""

import sys
from argparse import Namespace

from cli import service
from cli.asking import confirm
from cli.build_name import build_name
from cli.program import LocalProgram
from cli.screen import Screen
from shared.errors import EXIT_SUCCESS, InputError


def execute(args: Namespace, program: LocalProgram) -> int:
    """Delete what was named, after a yes."""
    match args.what:
        case "pipeline":
            question = f"Delete the pipeline {args.name}, all its builds, logs and artifacts?"
        case "build":
            args.name = build_name(args.name, program)
            question = f"Delete build {args.name}, its logs and artifacts?"
        case _:
            raise InputError(f"there is no way to delete {args.what}")
    with service.chosen(program, Screen(sys.stderr)) as opened:
        confirm(question, yes=args.yes)
        delete = opened.client.delete_pipeline if args.what == "pipeline" else opened.client.delete_build
        delete(args.name)
    print(f"{args.what.capitalize()} {args.name} is deleted")
    return EXIT_SUCCESS
