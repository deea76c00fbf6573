"""The HTTP server of the stand-ins: it can be gone in an instant, and be back on the same address."""

import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.fakes.github_calls import Answer
from tests.free_port import free_port

Answering = Callable[[str, str, Mapping[str, str], bytes], Answer | None]
"""Method, path with query, headers, body → the answer; None for none at all."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, *args: Any) -> None:
        self.accepted = 0
        self._open: set[socket.socket] = set()
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.accepted += 1
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever was cut says nothing."""

    def cut(self) -> None:
        for connection in tuple(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class StandIn(ABC):
    """Something that answers on one address, until it is stopped and after it is started again."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port or free_port())
        self._healed = threading.Event()
        self._server: Server | None = None

    @abstractmethod
    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer | None:
        """Answer a request; None for no answer at all."""

    def start(self) -> None:
        """Be there, on the same address as before."""
        self._server = Server(self._address, handler(self.answer))
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name=type(self).__name__, daemon=True).start()

    def stop(self) -> None:
        """Be gone: nothing listens, and what was connected is cut."""
        self._healed.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server.cut()
        self._server = None


def handler(answer: Answering) -> type[BaseHTTPRequestHandler]:
    """Handles requests by asking `answer`; without an answer the connection is cut."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *_: object) -> None:
            """Say nothing on stderr."""

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            given = answer(self.command, self.path, self.headers, body)
            if given is None:
                self.close_connection = True
                return
            kind, content = given.content
            self.send_response(given.status)
            headers = {"Content-Type": kind, **given.headers, "Content-Length": str(len(content))}
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _answer  # noqa: N815 - as http.server names them

    return Handler
