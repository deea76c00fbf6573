"""The seam to the Kubernetes API where there is none: what a person is told, in one line."""

from contextlib import closing

import pytest
from kubernetes.client import Configuration

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
