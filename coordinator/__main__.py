"""The coordinator as a program on a cluster: settings, adapters, serve. Its composition root."""

import logging
import os
import sys

from coordinator.settings import Settings
from shared.errors import InfrastructureError, KontinuousError


def main() -> int:
    """Read the settings and serve until told to stop; returns the exit code."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    try:
        Settings.from_environment(os.environ)
        raise InfrastructureError(
            "the settings are complete, but this version has no launcher for Kubernetes yet: "
            "`kontinuous serve` runs the coordinator on one machine"
        )
    except KontinuousError as error:
        print(f"kontinuous: {error}", file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
