"""`kontinuous serve`: keep the one-machine service up until it is told to stop."""

from argparse import Namespace

from cli.program import LocalProgram


def execute(args: Namespace, program: LocalProgram) -> int:
    """Become the service; its exit code is ours."""
    program.become("serve", *(["--port", str(args.port)] if args.port is not None else []))
    raise AssertionError("the process was not replaced")
