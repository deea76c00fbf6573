"""`kontinuous cancel`: ask for a build's end."""

import sys
from argparse import Namespace

from cli import service
from cli.build_name import build_name
from cli.output import show
from cli.program import LocalProgram
from cli.screen import Screen
from shared.errors import EXIT_SUCCESS


def execute(args: Namespace, program: LocalProgram) -> int:
    """Cancel a build; says so at once, its stages end within half a minute."""
    name = build_name(args.build, program)
    with service.chosen(program, Screen(sys.stderr)) as opened:
        build = opened.client.cancel(name)
    show(build, args.output, lambda: [f"Build {name} is being cancelled (it is {build['status']} now)"])
    return EXIT_SUCCESS
