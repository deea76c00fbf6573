"""Where a request goes, and with it the token: to the address that was asked for, and to no other."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.cli.conftest import Run
from tests.fakes.api_server import REPOSITORY, TOKEN, ApiServer
from tests.free_port import free_port


@pytest.fixture(params=[301, 302, 303, 307, 308])
def moved(request: pytest.FixtureRequest, api: ApiServer) -> Iterator[str]:
    """The address of a server that sends everybody on to the stand-in of the API."""

    class Moved(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(request.param)
            self.send_header("Location", f"{api.url}/there{self.path}")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", free_port()), Moved) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("command", [("get", "pipelines"), ("create", "pipeline", REPOSITORY)])
def test_a_redirect_is_told_and_not_followed(
    kontinuous: Run, api: ApiServer, moved: str, command: tuple[str, ...]
) -> None:
    done = kontinuous(*command, KONTINUOUS_URL=moved, KONTINUOUS_TOKEN=TOKEN)
    there = f"{api.url}/there"
    said = f"kontinuous: {moved} answers with a redirect to {there}; if kontinuous is there, `kontinuous login {there}`"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"{said}\n")
    assert not api.complaints
