"""What a person is told where the API server does not give out a Secret; that it does is tested on a cluster."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from kubernetes.client import Configuration

from coordinator.kube_api import KubeApi
from coordinator.kube_secrets import KubeSecrets
from shared.errors import Forbidden, InfrastructureError, NotFound
from tests.fakes.github_calls import Answer
from tests.fakes.github_server import Server, handler
from tests.free_port import free_port

REFUSAL = 'secrets "notifcreds" is forbidden: User "system:serviceaccount:kontinuous:kontinuous" cannot get resource'


@contextmanager
def api_server(status: int, body: Any) -> Iterator[KubeSecrets]:
    """An API server that has one answer to the one right question."""
    asked = ("GET", "/api/v1/namespaces/team-a/secrets/notifcreds")
    port = free_port()
    server = Server(
        ("127.0.0.1", port), handler(lambda *call: Answer(status, body) if call[:2] == asked else Answer(400))
    )
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        with closing(KubeApi(Configuration(host=f"http://127.0.0.1:{port}"))) as api:
            yield KubeSecrets(api)
    finally:
        server.shutdown()
        server.server_close()


def test_values_are_decoded() -> None:
    with api_server(200, {"kind": "Secret", "data": {"slackurl": "aHR0cHM6Ly94"}}) as secrets:
        assert secrets.read_secret("team-a", "notifcreds") == {"slackurl": b"https://x"}


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (404, {"reason": "NotFound", "message": "not found"}, NotFound, "'notifcreds' in namespace 'team-a' is not th"),
        (403, {"reason": "Forbidden", "message": REFUSAL}, Forbidden, "may not read .*'notifcreds'.*operations.md"),
        (500, {"reason": "InternalError", "message": "etcd"}, InfrastructureError, "etcd"),
    ],
)
def test_what_is_in_the_way_is_told(status: int, body: Any, error: type[Exception], words: str) -> None:
    with api_server(status, body) as secrets, pytest.raises(error, match=words):
        secrets.read_secret("team-a", "notifcreds")
