"""The command line as a process, with the stand-in of `python -m local` in the real one's place."""

import sys

from cli.__main__ import main
from cli.program import LocalProgram

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], LocalProgram((sys.executable, "-m", "tests.fakes.local_program"))))
