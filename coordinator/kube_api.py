"""The seam to the Kubernetes API: requests as plain dicts, its refusals as an error of ours. No models, no events.

`kubernetes` brings configuration, authentication and connections. Its typed calls are passed by: they would turn each
manifest into a model first, and drop the very fields whose misspelling the API server is to find.
"""

import json
import logging
import time
from collections.abc import Mapping
from contextlib import closing
from threading import Lock
from typing import Any

from kubernetes import config
from kubernetes.client import ApiClient, Configuration
from kubernetes.client.exceptions import ApiException
from kubernetes.config.config_exception import ConfigException
from urllib3.exceptions import HTTPError

from shared.errors import InfrastructureError, InputError

CONNECT_S = 5
ANSWER_S = 15
CONNECTIONS = 64
CALLS_A_SECOND = 50.0
BURST = 100.0
"""What one coordinator asks of the API server at most, in calls that are not watches."""

log = logging.getLogger(__name__)


class KubeError(InfrastructureError):
    """The API server refuses, or does not answer (status 0). `reason` is its own word, such as AlreadyExists."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class KubeApi:
    """One API server, for any number of threads."""

    def __init__(self, configuration: Configuration | None = None) -> None:
        """Without `configuration`: the pod's own service account, or else the user's KUBECONFIG. Raises InputError."""
        chosen = configuration or _found()
        chosen.connection_pool_maxsize = CONNECTIONS
        chosen.retries = False  # who asks decides what a failure means
        self._client = ApiClient(chosen)
        self._pace = _Pace(CALLS_A_SECOND, BURST)

    def call(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Make one call and return its JSON; raises KubeError."""
        self._pace.wait()
        with closing(self.open(method, path, query, body, ANSWER_S)) as response:
            try:
                answer: dict[str, Any] = json.loads(response.data)
            except (HTTPError, OSError) as error:
                raise _silent(method, path, error) from error
            except ValueError as error:
                raise KubeError(response.status, "", f"{method} {path} was not answered with JSON") from error
        return answer

    def open(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        read_s: float = ANSWER_S,
    ) -> Any:
        """Make one call and return the urllib3 response, unread; `read_s` limits each read. Raises KubeError."""
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        request = self._client.param_serialize(
            method, path, query_params=list((query or {}).items()), header_params=headers, body=body,
            auth_settings=["BearerToken"],
        )  # fmt: skip
        try:
            response = self._client.call_api(*request, _request_timeout=(CONNECT_S, read_s)).response
            if response.status >= 400:
                with closing(response):
                    raise _refusal(response.status, response.data)
        except (ApiException, HTTPError, OSError) as error:  # the first for what is wrong with a certificate
            raise _silent(method, path, error) from error
        return response

    def close(self) -> None:
        """Drop all connections."""
        self._client.close()  # type: ignore[no-untyped-call]


class _Pace:
    """A bucket of calls that fills up with time: who finds it empty waits."""

    def __init__(self, per_second: float, burst: float) -> None:
        self._per_second, self._burst = per_second, burst
        self._left, self._at = burst, time.monotonic()
        self._lock = Lock()

    def wait(self) -> None:
        with self._lock:
            now = time.monotonic()
            self._left = min(self._burst, self._left + (now - self._at) * self._per_second) - 1
            self._at = now
            short = -self._left / self._per_second
        if short > 0:
            time.sleep(short)


def _found() -> Configuration:
    configuration = Configuration()
    try:
        try:
            config.load_incluster_config(configuration)  # type: ignore[no-untyped-call]
        except ConfigException:
            config.load_kube_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    except (ConfigException, OSError) as error:
        raise InputError(f"there is neither a pod's service account nor a KUBECONFIG: {error}") from error
    return configuration


def _refusal(status: int, data: bytes) -> KubeError:
    try:
        said = json.loads(data)
        return KubeError(status, str(said.get("reason", "")), str(said.get("message", "")) or f"HTTP {status}")
    except (ValueError, AttributeError):
        return KubeError(status, "", data.decode(errors="replace")[:500] or f"HTTP {status}")


def _silent(method: str, path: str, error: Exception) -> KubeError:
    return KubeError(0, "", f"the Kubernetes API does not answer ({method} {path}: {type(error).__name__}: {error})")
