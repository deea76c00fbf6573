"""The seam to the Kubernetes API where there is none: what a person is told, in one line."""

import json
from contextlib import closing, nullcontext
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from kubernetes.client import Configuration

from coordinator.kube import release_secret
from coordinator.kube_api import KubeApi, KubeError
from tests.free_port import free_port


def test_an_api_server_that_is_away_is_told_in_the_same_words_each_time() -> None:
    with closing(KubeApi(Configuration(host=f"https://127.0.0.1:{free_port()}"))) as api:
        told = []
        for _ in range(2):
            with pytest.raises(
                KubeError, match=r"the Kubernetes API does not answer .GET /version: .*refused"
            ) as caught:
                api.call("GET", "/version")
            told.append(str(caught.value))
            assert caught.value.status == 0
    assert told[0] == told[1]  # a watch complains only of what is new
    assert "0x" not in told[0]
    assert "\n" not in told[0]


def test_a_proxy_of_the_environments_is_asked_for_nothing_of_the_api_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = f"127.0.0.1:{free_port()}"
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, f"http://{proxy}")
    server = f"127.0.0.1:{free_port()}"
    with closing(KubeApi(Configuration(host=f"https://{server}"))) as api, pytest.raises(KubeError) as caught:
        api.call("GET", "/version")
    assert "refused" in str(caught.value)
    assert "proxy" not in str(caught.value).lower()


@pytest.mark.parametrize(("status", "raises"), [(403, False), (404, False), (500, True)])
def test_a_secret_that_is_not_ours_to_delete_holds_nothing_up(status: int, raises: bool) -> None:
    """As in a namespace that was deleted, and our rights with it."""

    class Refusing(BaseHTTPRequestHandler):
        def do_DELETE(self) -> None:
            body = json.dumps({"reason": "Refused", "message": "no"}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with HTTPServer(("127.0.0.1", free_port()), Refusing) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        expected = pytest.raises(KubeError, match="no") if raises else nullcontext()
        with closing(KubeApi(Configuration(host=f"http://127.0.0.1:{server.server_port}"))) as api, expected:
            release_secret(api, "gone", "hello-1")
        server.shutdown()
        thread.join()
