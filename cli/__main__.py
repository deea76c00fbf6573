"""The entry of the `kontinuous` command: arguments in, one exit code out, every error as one line on stderr.

Exit codes: 0 success; 1 the build failed; 2 wrong input; 3 infrastructure; 130 interrupted or cancelled.
"""

import os
import sys
from collections.abc import Sequence

from cli.arguments import parse
from cli.program import LocalProgram
from shared.errors import EXIT_INFRASTRUCTURE, EXIT_INTERRUPTED, KontinuousError

EXIT_BROKEN_PIPE = 141


def main(argv: Sequence[str] | None = None, program: LocalProgram | None = None) -> int:
    """Run one command and return its exit code; `program` is how the one-machine mode is started."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal may lack a character
    command, args = parse(argv)
    try:
        return command.load()(args, program or LocalProgram())
    except BrokenPipeError:
        return _reader_went_away()
    except KeyboardInterrupt:
        return _say("interrupted", EXIT_INTERRUPTED)
    except KontinuousError as error:
        return _say(str(error), error.exit_code)
    except OSError as error:
        return _say(f"the system refused: {error}", EXIT_INFRASTRUCTURE)
    except Exception as error:  # the outermost boundary: a person gets one line, a developer gets the traceback
        if "KONTINUOUS_TRACEBACK" in os.environ:
            raise
        text = f"internal error: {type(error).__name__}: {error}; KONTINUOUS_TRACEBACK=1 shows where; please report it"
        return _say(text, EXIT_INFRASTRUCTURE)


def _say(text: str, exit_code: int) -> int:
    sys.stdout.flush()
    for line in text.splitlines():
        print(f"kontinuous: {line}", file=sys.stderr)
    return exit_code


def _reader_went_away() -> int:
    """Exit as a program that SIGPIPE ended; stdout goes nowhere, so that its last flush cannot fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return EXIT_BROKEN_PIPE


if __name__ == "__main__":
    sys.exit(main())
