"""`kontinuous init`: write a first pipeline file for a repository, chosen by what is in it."""

from argparse import Namespace

from cli.first_pipeline import first_pipeline
from cli.folder import PIPELINE_FILE, files_of
from cli.program import LocalProgram
from cli.project import look_at
from shared.errors import EXIT_SUCCESS, Conflict, InputError
from shared.pipeline_file import lint_text
from shared.terminal_text import clean


def execute(args: Namespace, _program: LocalProgram) -> int:
    """Write the file, and say what was chosen and why."""
    root, paths = files_of(args.folder)
    first = first_pipeline(look_at(root, paths), args.namespace, args.publish or "")
    path = root / PIPELINE_FILE
    lint = lint_text(PIPELINE_FILE, first.text.encode())
    if lint.exit_code:
        raise InputError("\n".join(lint.lines))  # the namespace, or the image's name, is none
    try:
        with path.open("w" if args.force else "x") as file:
            file.write(first.text)
    except FileExistsError as error:
        raise Conflict(f"{path} is there already; --force replaces it") from error
    print(f"Wrote {path}:")
    for reason in first.reasons:
        print(f"  {clean(reason)}")
    print("Look at it, commit it, and try it here: kontinuous run")
    return EXIT_SUCCESS
