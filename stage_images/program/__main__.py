"""The entrypoint of the image: one run of a stage whose work is the program that its arguments name."""

import sys
from functools import partial

from shared.stage import run_stage
from stage_images.program.stage import execute

if __name__ == "__main__":
    run_stage(partial(execute, command=sys.argv[1:]), clone=True)
