"""`kontinuous resume`: run a finished build again from one of its stages on."""

from argparse import Namespace
from functools import partial

from cli import interrupts, service
from cli.build_name import build_name, find_stage
from cli.building import is_followed, to_its_end
from cli.output import show
from cli.program import LocalProgram
from cli.run import progress_screen
from cli.summary import exit_code
from shared.errors import EXIT_SUCCESS


def execute(args: Namespace, program: LocalProgram) -> int:
    """Resume a build; where it is followed, the exit code is its own."""
    screen = progress_screen(args.output)
    with interrupts.interruptible():
        name = build_name(args.build, program)
        with service.chosen(program, screen) as opened:
            stages = opened.client.build(name)["stages"]
            stage = find_stage(stages, args.stage)
            if is_followed(args.follow, opened, screen):
                before, start = stages[: stages.index(stage)], partial(opened.client.resume, name, stage["id"])
                return exit_code(to_its_end(start, opened, screen, args.output, before))
            build = opened.client.resume(name, stage["id"])
            follow = f"kontinuous logs {name} -f"
            show(build, args.output, lambda: [f"Build {name} goes on from {stage['name']}: `{follow}`"])
    return EXIT_SUCCESS
