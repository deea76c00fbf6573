"""`kontinuous run`: check a folder, find or start the service, build the commit there, follow it to its end."""

import sys
from argparse import Namespace

from cli import interrupts, service
from cli.building import build
from cli.order import prepare
from cli.program import LocalProgram
from cli.screen import Screen
from cli.summary import exit_code


def execute(args: Namespace, program: LocalProgram) -> int:
    """Run a folder's pipeline; the exit code is the build's."""
    screen = progress_screen(args.output)
    with interrupts.interruptible():
        order = prepare(args.folder, screen, ref=args.ref, dirty=args.dirty, stages=args.stage, secrets=args.secrets)
        with service.opened(program, screen) as opened:
            return exit_code(build(order, opened, program, screen, args.output))


def progress_screen(output: str) -> Screen:
    """Where progress goes: stdout, unless that is for the result alone."""
    return Screen(sys.stdout if output == "table" else sys.stderr)
