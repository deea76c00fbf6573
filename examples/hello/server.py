"""A small web service that greets: `GET /` and `GET /greetings/NAME` answer JSON, `GET /healthz` says that it is up.

It listens on PORT (default 8080), and stops on SIGTERM.
"""

import json
import os
import signal
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit
from urllib.request import urlopen

from greeting import greet, preferred_language

DEFAULT_PORT = 8080
GREETINGS_PATH = "/greetings/"


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server_version = "hello"

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/healthz":
            self._answer(HTTPStatus.OK, {"status": "up"})
        elif path == "/":
            self._greet("World")
        elif path.startswith(GREETINGS_PATH):
            self._greet(unquote(path.removeprefix(GREETINGS_PATH)))
        else:
            self._answer(HTTPStatus.NOT_FOUND, {"error": f"there is nothing at {path}"})

    def _greet(self, name: str) -> None:
        language = preferred_language(self.headers.get("Accept-Language", ""))
        try:
            self._answer(HTTPStatus.OK, {"greeting": greet(name, language), "language": language})
        except ValueError as error:
            self._answer(HTTPStatus.BAD_REQUEST, {"error": str(error)})

    def _answer(self, status: HTTPStatus, body: dict[str, str]) -> None:
        data = json.dumps(body, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def make_server(host: str, port: int) -> ThreadingHTTPServer:
    """A server that listens already; port 0 picks a free one."""
    return ThreadingHTTPServer((host, port), Handler)


def check(port: int) -> int:
    """Ask the running service whether it is up; 0 if so. Raises OSError where nobody answers."""
    with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as response:
        return 0 if response.status == HTTPStatus.OK else 1


def main() -> int:
    """Serve until SIGTERM or Ctrl-C; with `--check`, see whether another process serves."""
    port = int(os.environ.get("PORT", DEFAULT_PORT))
    if sys.argv[1:] == ["--check"]:
        return check(port)
    server = make_server("", port)
    for number in (signal.SIGTERM, signal.SIGINT):
        # shutdown() waits for serve_forever, which this very thread runs: so it is called from another.
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"listening on port {server.server_port}", flush=True)
    server.serve_forever()
    print("stopped", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
