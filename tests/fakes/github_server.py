"""The HTTP server of the stand-in for GitHub: it can be gone in an instant, and be back on the same address."""

import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.fakes.github_calls import Answer

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
