"""The entrypoint of the image: one run of the stage type `command`."""

from functools import partial
from pathlib import Path
from typing import NoReturn

from shared import keys
from shared.stage import run_stage
from stage_images.command.handoff import HandOff
from stage_images.command.stage import execute


def main() -> NoReturn:
    """Run the stage; however it ends, a user's container that still waits is told."""
    handoff = HandOff(Path(keys.HANDOFF))
    run_stage(partial(execute, handoff=handoff), clone=True, around=handoff)


if __name__ == "__main__":
    main()
