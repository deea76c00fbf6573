"""A port to listen on that no outgoing connection takes: below the range that the kernel gives those."""

import random
import socket


def free_port() -> int:
    """Find a TCP port of 127.0.0.1 that nobody listens on."""
    while True:
        port = random.randrange(20_000, 32_768)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
