"""The folder in which the one-machine mode keeps its state."""

import os
from pathlib import Path

HOME_VARIABLE = "KONTINUOUS_HOME"


def state_folder() -> Path:
    """KONTINUOUS_HOME, or `~/.local/state/kontinuous`; made for the user alone where it is not there."""
    folder = Path(os.environ.get(HOME_VARIABLE) or Path.home() / ".local/state/kontinuous").absolute()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
