"""`kontinuous logout`: forget what `login` saved; from then on commands are about this machine's own service."""

import os
from argparse import Namespace

from cli.config import config_file
from cli.program import LocalProgram
from shared.errors import EXIT_SUCCESS


def execute(_args: Namespace, _program: LocalProgram) -> int:
    """Remove the file, if there is one."""
    path = config_file(os.environ).resolve()  # the secrets are not in a link to the file
    there = path.exists()
    path.unlink(missing_ok=True)
    print(f"{path} is removed" if there else "You were not logged in")
    return EXIT_SUCCESS
