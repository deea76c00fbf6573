"""`kontinuous lint`: check a pipeline file without running it."""

import sys
from argparse import Namespace
from functools import partial
from pathlib import Path

from cli.program import LocalProgram
from cli.stage_types import types_of_file, types_there
from shared.errors import InputError
from shared.pipeline_file import lint_text


def execute(args: Namespace, _program: LocalProgram) -> int:
    """Print every problem and warning of the file as `file:line:column: field: message`; exit 0, or 2 on a problem."""
    path: Path = args.file
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}; name a pipeline file") from error
    types = types_of_file(args.catalogue) if args.catalogue else types_there(partial(print, file=sys.stderr))
    lint = lint_text(str(path), data, types)
    for line in lint.lines or (f"{path}: no problems",):
        print(line)
    return lint.exit_code
