"""`kontinuous completion`: print the script with which a shell completes our commands; argcomplete makes it."""

from argparse import Namespace

from cli.program import LocalProgram
from shared.errors import EXIT_SUCCESS


def execute(args: Namespace, _program: LocalProgram) -> int:
    """Print the script for the shell."""
    from argcomplete.shell_integration import shellcode

    print(shellcode(["kontinuous"], shell=args.shell))
    return EXIT_SUCCESS
