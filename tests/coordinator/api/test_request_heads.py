"""Requests whose line and headers are too long, come too slowly, or hold what no header may."""

import base64
import socket
import time
from contextlib import suppress
from urllib.parse import urlsplit

import pytest

from coordinator.api.auth import LOCAL
from coordinator.api.server import HEAD_S, MAX_HEAD_BYTES
from tests.coordinator.api.api_server import PIPELINES, Server
from tests.coordinator.api.test_auth import by_hand

LIMIT_S = 20


def connection(server: Server) -> socket.socket:
    parts = urlsplit(server.url)
    return socket.create_connection((parts.hostname, parts.port or 0), LIMIT_S)


def test_headers_over_the_limit_are_refused_as_they_come(idle_server: Server) -> None:
    with connection(idle_server) as sent:
        sent.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: ")
        with suppress(OSError):  # the server leaves while this is on its way
            sent.sendall(b"x" * (2 * MAX_HEAD_BYTES))
        assert sent.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_headers_that_trickle_in_are_given_up(idle_server: Server) -> None:
    begun = time.monotonic()
    with connection(idle_server) as sent:
        sent.sendall(b"GET /healthz HTTP/1.1\r\n")
        sent.settimeout(1)
        answer = b""
        while not answer and time.monotonic() < begun + LIMIT_S:
            sent.sendall(b"X-More: y\r\n")
            with suppress(TimeoutError):
                answer = sent.recv(65536)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"the headers did not come within 10 s" in answer
    assert HEAD_S - 1 < time.monotonic() - begun < HEAD_S + 5


def test_an_authorization_that_is_no_text_is_refused(idle_server: Server) -> None:
    with connection(idle_server) as sent:
        sent.sendall(f"GET {PIPELINES} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ".encode() + b"\xe9\xff\r\n\r\n")
        assert sent.recv(65536).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize("token", [f"{LOCAL}\n", "two\r\nlines", "a\u2028b", "é"])
def test_an_access_token_that_no_header_can_hold_is_refused_and_not_shown(idle_server: Server, token: str) -> None:
    secret = base64.b64encode(idle_server.settings.auth_secret).decode()
    made = by_hand({"identities": [{"access_token": token}]}, auth_secret=secret)
    answer = idle_server.ask("GET", PIPELINES, headers={"Authorization": f"Bearer {made}"})
    assert (answer.status_code, answer.json()["code"]) == (401, "bad_token")
    assert "has a line's end" in answer.json()["message"]
    assert token not in answer.text
