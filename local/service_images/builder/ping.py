"""Whether the engine answers on its own socket, as the exit code: what the pod's probes ask every few seconds.

A probe of its TCP port would fill its log with broken handshakes. Needs no more than `socket`, to start quickly.
"""

import socket
import sys

ANSWER_S = 4


def main() -> int:
    """Ask the engine at the socket that is the first argument."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(ANSWER_S)
        try:
            connection.connect(sys.argv[1])
            connection.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            answer = connection.recv(64)
        except OSError as error:
            print(f"the engine does not answer: {error}")
            return 1
    return 0 if b" 200 " in answer else 1


if __name__ == "__main__":
    sys.exit(main())
