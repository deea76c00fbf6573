"""`kontinuous create`: make a repository's pipeline known to the service, or start a build of it."""

import sys
from argparse import Namespace

from cli import interrupts, service
from cli.building import build_of, is_followed
from cli.output import show
from cli.program import LocalProgram
from cli.records import name_of
from cli.run import progress_screen
from cli.screen import Screen
from cli.service import Service
from cli.summary import exit_code, no_webhook
from shared.errors import EXIT_SUCCESS, InputError


def execute(args: Namespace, program: LocalProgram) -> int:
    """Create what was asked for; where a build is followed, the exit code is its own."""
    if args.what == "pipeline" and (args.stage or args.follow or args.ref):
        raise InputError("--ref, --stage and --follow are for `create build`")
    with interrupts.interruptible(), service.chosen(program, Screen(sys.stderr)) as chosen:
        match args.what:
            case "pipeline":
                record = chosen.client.create_pipeline(args.repository)
                if record["webhook_problem"]:
                    Screen(sys.stderr).line(f"warning: {no_webhook(record)}")
                show(record, args.output, lambda: [f"Pipeline {record['repository']} is there"])
            case "build" if is_followed(args.follow, chosen, screen := progress_screen(args.output)):
                return exit_code(build_of(args.repository, args.ref, args.stage, chosen, screen, args.output))
            case "build":
                _start(args, chosen)
            case _:
                raise InputError(f"there is no way to create {args.what}")
    return EXIT_SUCCESS


def _start(args: Namespace, chosen: Service) -> None:
    build = chosen.client.start_build(args.repository, args.ref, args.stage)
    follow = f"kontinuous logs {name_of(build)} -f"
    show(build, args.output, lambda: [f"Build {build['number']} of {build['repository']} is started: `{follow}`"])
