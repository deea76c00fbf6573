"""Where the one-machine mode keeps its state; the command line and the service must agree on it."""

from collections.abc import Mapping
from pathlib import Path

from shared.errors import InfrastructureError

HOME_VARIABLE = "KONTINUOUS_HOME"
DEFAULT_HOME = "~/.local/state/kontinuous"
SERVICE_FILE = "service.json"
"""The file in it that names a running service: `{"url", "token", "pid", "registry", "objects"}`."""


def state_folder(environ: Mapping[str, str]) -> Path:
    """KONTINUOUS_HOME, or `~/.local/state/kontinuous`; made, for the user alone, where it is not there.

    Raises InfrastructureError when it cannot be made.
    """
    folder = Path(environ.get(HOME_VARIABLE) or DEFAULT_HOME).expanduser().resolve()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise InfrastructureError(
            f"the state folder {folder} cannot be made: {error}; {HOME_VARIABLE} names another"
        ) from error
    return folder
