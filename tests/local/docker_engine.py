"""The Docker engine that the tests use: DOCKER_HOST or the usual socket, with the base image in it."""

import os

IMAGE = "debian:trixie-slim"
"""Has a shell and coreutils; the one-machine mode sees to it that engines have it."""

NETWORK = "bridge"


def engine_url() -> str:
    """Where the engine listens."""
    return os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
