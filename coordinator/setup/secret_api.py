"""Secrets in the cluster, as far as the setup needs them: read one by its name, and make one that is not there.

Two requests of the Kubernetes API by plain HTTP: the client library would take longer to import than they take.
"""

import base64
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from shared.errors import InfrastructureError

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
CALL_S = 10
LABELS = {"app.kubernetes.io/part-of": "kontinuous"}
# A creation whose answer was lost may be repeated: then it is there already, which is taken well.
_RETRY = Retry(total=6, backoff_factor=0.5, status_forcelist=(429, 500, 502, 503, 504), allowed_methods=None)


class NotPermitted(InfrastructureError):
    """We have no right to this Secret, or its namespace does not exist."""


class Secrets(Protocol):
    """Where Secrets are kept. Every call raises InfrastructureError when it cannot be done, or NotPermitted."""

    def get(self, namespace: str, name: str) -> Mapping[str, str] | None:
        """A Secret's keys and values; None where there is no such Secret."""

    def create(self, namespace: str, name: str, data: Mapping[str, str]) -> bool:
        """Make a Secret; False where there is one of this name, which stays as it is."""


class KubernetesSecrets:
    """Secrets by way of the Kubernetes API at `url`, with `session` for its credentials."""

    def __init__(self, url: str, session: requests.Session) -> None:
        self._url = url
        self._session = session

    @classmethod
    def in_cluster(cls, environment: Mapping[str, str]) -> "KubernetesSecrets":
        """As a pod's service account; raises InfrastructureError where this is no pod that has one."""
        host, port = environment.get("KUBERNETES_SERVICE_HOST", ""), environment.get("KUBERNETES_SERVICE_PORT", "443")
        try:
            token = (ACCOUNT / "token").read_text().strip()
        except OSError as error:
            raise InfrastructureError(f"this is no pod with a service account: {error}") from error
        session = requests.Session()
        session.trust_env = False  # neither a proxy nor an authority of the environment's is for the API server
        session.mount("https://", HTTPAdapter(max_retries=_RETRY))
        session.headers["Authorization"] = f"Bearer {token}"
        session.verify = str(ACCOUNT / "ca.crt")
        return cls(f"https://{f'[{host}]' if ':' in host else host}:{port}", session)

    def get(self, namespace: str, name: str) -> Mapping[str, str] | None:
        """See Secrets.get."""
        answer = self._call("GET", namespace, f"/{name}", None)
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return None
        self._check(answer, f"read the Secret {namespace}/{name}")
        data = answer.json().get("data") or {}
        return {key: base64.b64decode(value).decode() for key, value in data.items()}

    def create(self, namespace: str, name: str, data: Mapping[str, str]) -> bool:
        """See Secrets.create."""
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "labels": LABELS},
            "stringData": dict(data),
        }
        answer = self._call("POST", namespace, "", secret)
        if answer.status_code == HTTPStatus.CONFLICT:
            return False
        self._check(answer, f"make the Secret {namespace}/{name}")
        return True

    def _call(self, method: str, namespace: str, path: str, body: dict[str, Any] | None) -> requests.Response:
        url = f"{self._url}/api/v1/namespaces/{namespace}/secrets{path}"
        try:
            # Given with the request, since REQUESTS_CA_BUNDLE goes before what the session has.
            return self._session.request(method, url, json=body, timeout=CALL_S, verify=self._session.verify)
        except requests.RequestException as error:
            raise InfrastructureError(f"the Kubernetes API at {self._url} does not answer: {error}") from error

    def _check(self, answer: requests.Response, doing: str) -> None:
        if answer.ok:
            return
        said = f"cannot {doing}: the Kubernetes API answers {answer.status_code}: {answer.text[:500]}"
        if answer.status_code in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
            raise NotPermitted(said)
        raise InfrastructureError(said)
