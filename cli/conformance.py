"""`kontinuous conformance`: prove on this machine that a stage image keeps the stage contract."""

from argparse import Namespace

from cli.program import LocalProgram


def execute(args: Namespace, program: LocalProgram) -> int:
    """Become the proof; it prints a table of checks, and exits 0, or 1 where the image breaks the contract."""
    params = [word for param in args.param for word in ("--param", param)]
    folder = ["--folder", str(args.folder)] if args.folder else []
    program.become("conformance", "--type", args.type, *params, *folder, "--", args.image)
    raise AssertionError("the process was not replaced")
