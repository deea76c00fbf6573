"""`kontinuous example`: run one of the examples that come with kontinuous, and show the image that it published."""

from argparse import Namespace
from pathlib import Path

from cli import interrupts, service
from cli.building import build
from cli.order import prepare
from cli.program import LocalProgram
from cli.run import progress_screen
from cli.summary import exit_code, published_images
from shared.errors import EXIT_SUCCESS


def execute(args: Namespace, program: LocalProgram) -> int:
    """Make a repository of the example and run it; the exit code is the build's.

    The service comes first: it brings the Docker engine that the example's own registry runs on.
    """
    screen = progress_screen(args.output)
    with interrupts.interruptible(), service.opened(program, screen) as opened:
        made = program.ask("example", args.name, say=screen.line)
        secrets = Path(made["secrets_file"]) if made.get("secrets_file") else None
        ended = build(prepare(Path(made["folder"]), screen, secrets=secrets), opened, program, screen, args.output)
        code = exit_code(ended)
        if code == EXIT_SUCCESS:
            for image in published_images(ended):
                reference = f"{image['name']}@{image['digest']}"
                shown = program.output("verify-example", args.name, reference, say=screen.line)
                screen.lines(shown.splitlines())
        return code
