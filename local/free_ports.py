"""Choosing ports on this machine's loopback, the same ones each time as long as they are free."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

from local.home import write_private
from shared.errors import InfrastructureError

# From here on the kernel hands ports out to clients, so a server there may find its port taken by chance.
FIRST_EPHEMERAL = 32768
TRIES = 200


def is_free(port: int) -> bool:
    """Say whether a server could listen on 127.0.0.1:`port` now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports(first: int) -> Iterator[int]:
    """Yield the free ports from `first` upwards; raises InfrastructureError when a long stretch has no more."""
    for port in range(first, min(first + TRIES, FIRST_EPHEMERAL)):
        if is_free(port):
            yield port
    raise InfrastructureError(f"no port is free on 127.0.0.1 from {first} to {min(first + TRIES, FIRST_EPHEMERAL) - 1}")


def remembered(file: Path, preferred: int) -> int:
    """The port that `file` remembers, or `preferred` where it remembers none."""
    try:
        return int(json.loads(file.read_text()))
    except (OSError, ValueError):
        return preferred


def remember(file: Path, port: int) -> None:
    """Keep a port for the next time."""
    write_private(file, json.dumps(port))
