"""A stand-in for a mail server: as much of SMTP (RFC 5321) as it takes to be handed a message."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage

HANG_LIMIT_S = 60


class FakeMail(socketserver.ThreadingTCPServer):
    """Takes messages on `port`; with `refuses`, none, and none for the recipient `unknown`. With `slow` it takes one,
    and says so only when `healed`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.port = int(self.server_address[1])
        self.messages: list[EmailMessage] = []
        self.refuses = False
        self.refused = 0
        self.unknown = ""
        self.slow = False
        self.healed = threading.Event()


class _Session(socketserver.StreamRequestHandler):
    server: FakeMail

    def handle(self) -> None:
        self._say("220 mail")
        while line := self.rfile.readline():
            match line.split()[0].upper():
                case b"RCPT" if self.server.unknown and self.server.unknown.encode() in line:
                    self._say("550 nobody of that name")
                case b"EHLO":
                    self._say("250-mail\r\n250 AUTH PLAIN")
                case b"AUTH":
                    self._say("235 welcome")
                case b"DATA" if self.server.refuses:
                    self.server.refused += 1
                    self._say("554 no")
                case b"DATA":
                    self._say("354 go on")
                    self._take()
                    if self.server.slow:
                        self.server.healed.wait(HANG_LIMIT_S)
                    self._say("250 taken")
                case b"QUIT":
                    self._say("221 bye")
                    return
                case _:
                    self._say("250 well")

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())

    def _take(self) -> None:
        lines = iter(self.rfile.readline, b".\r\n")
        message = message_from_bytes(b"".join(lines), policy=policy.default)
        self.server.messages.append(message)


@contextmanager
def mail() -> Iterator[FakeMail]:
    """The stand-in for a `with` block."""
    with FakeMail() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), name="mail", daemon=True).start()
        try:
            yield server
        finally:
            server.healed.set()
            server.shutdown()
