"""The Secrets' contract, kept by the Kubernetes API, with the rights that the setup has and no more."""

import base64
import json
from pathlib import Path

import pytest
import requests

from coordinator.setup.secret_api import KubernetesSecrets, NotPermitted
from shared.errors import InfrastructureError
from tests.cluster.cluster import Cluster
from tests.contract.secrets_contract import FIRST, SecretsContract
from tests.free_port import free_port

ACCOUNT = "setup"


class TestKubernetesSecrets(SecretsContract):
    """With a service account of a namespace's own."""

    @pytest.fixture
    def place(self, cluster: Cluster, namespace: str) -> str:
        inside = ("-n", namespace)
        cluster.kubectl("create", "serviceaccount", ACCOUNT, *inside)
        for name, verb, limit in (("make", "create", ()), ("read", "get", ("--resource-name=made",))):
            cluster.kubectl("create", "role", name, f"--verb={verb}", "--resource=secrets", *limit, *inside)
            account = f"--serviceaccount={namespace}:{ACCOUNT}"
            cluster.kubectl("create", "rolebinding", name, f"--role={name}", account, *inside)
        return namespace

    @pytest.fixture
    def secrets(self, cluster: Cluster, place: str, tmp_path: Path) -> KubernetesSecrets:
        shown = json.loads(cluster.kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json"))
        server = shown["clusters"][0]["cluster"]
        authority = tmp_path / "ca.crt"
        authority.write_bytes(base64.b64decode(server["certificate-authority-data"]))
        session = requests.Session()
        session.verify = str(authority)
        session.headers["Authorization"] = f"Bearer {cluster.kubectl('create', 'token', ACCOUNT, '-n', place).strip()}"
        return KubernetesSecrets(server["server"], session)

    def test_another_name_may_not_be_read(self, secrets: KubernetesSecrets, place: str) -> None:
        assert secrets.create(place, "other", FIRST)
        with pytest.raises(NotPermitted, match="other"):
            secrets.get(place, "other")


def test_an_api_that_is_away_is_named() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(InfrastructureError, match=f"the Kubernetes API at {url} does not answer"):
        KubernetesSecrets(url, requests.Session()).get("kontinuous", "made")


def test_outside_of_a_pod_it_says_so() -> None:
    with pytest.raises(InfrastructureError, match="no pod with a service account"):
        KubernetesSecrets.in_cluster({})
