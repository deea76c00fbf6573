"""The setup as a program: `python -m coordinator.setup`, in a Job of the cluster. Its composition root."""

import logging
import os
import sys

from coordinator.setup.installation import install
from coordinator.setup.plan import read_plan
from coordinator.setup.secret_api import KubernetesSecrets
from shared.errors import EXIT_SUCCESS, KontinuousError


def main() -> int:
    """Make what is missing, and wait for the stores to take it; returns the exit code."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(message)s")
    try:
        install(read_plan(os.environ), KubernetesSecrets.in_cluster(os.environ))
    except KontinuousError as error:
        print(f"kontinuous-setup: {error}", file=sys.stderr)
        return error.exit_code
    return EXIT_SUCCESS


if __name__ == "__main__":
    sys.exit(main())
