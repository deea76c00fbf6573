"""The seam to the Kubernetes API: requests as plain dicts, its refusals as an error of ours. No models, no events.

`kubernetes` brings configuration, authentication and connections. Its typed calls are passed by: they would turn each
manifest into a model first, drop the very fields whose misspelling the API server is to find, and cost a second and
40 MiB to import.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from typing import Any

from kubernetes import config
from kubernetes.client import ApiClient, Configuration
from kubernetes.client.exceptions import ApiException
from kubernetes.config.config_exception import ConfigException
from urllib3.exceptions import HTTPError, ProtocolError

from coordinator.kube_pace import Pace
from shared.errors import InfrastructureError, InputError

CONNECT_S = 5
ANSWER_S = 15
CONNECTIONS = 64
CALLS_A_SECOND = 50.0
BURST = 100.0
"""What one coordinator asks of the API server at most, in calls that are not watches."""
PAGE = 250
"""So many objects of a list come at once: the whole of a busy namespace need not fit into memory twice."""
PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
"""After "too many requests", where the API server does not say for how long, and at most."""

TOO_MANY = 429
_ADDRESS = re.compile(r"<urllib3\.[^>]*>: ")  # an object's place in memory, in urllib3's messages


class KubeError(InfrastructureError):
    """The API server refuses, or does not answer (status 0). `reason` is its own word, such as AlreadyExists."""

    def __init__(self, status: int, reason: str, message: str, retry_s: float = 0.0) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.retry_s = retry_s


class KubeApi:
    """One API server, for any number of threads."""

    def __init__(self, configuration: Configuration | None = None, pace: Pace | None = None) -> None:
        """Without `configuration`: the pod's own service account, or else the user's KUBECONFIG. Raises InputError."""
        chosen = configuration or _found()
        chosen.connection_pool_maxsize = CONNECTIONS
        chosen.retries = False  # who asks decides what a failure means
        chosen.proxy = None  # the environment's is for the way out of the cluster
        chosen.keep_alive = True  # a dead connection is noticed also where a log is silent for hours
        self._client = ApiClient(chosen)
        self._pace = pace or Pace(CALLS_A_SECOND, BURST)

    def call(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Make one call and return its JSON; raises KubeError. Only calls that may be repeated without harm."""
        self._pace.wait()
        try:
            with closing(self.open(method, path, query, body, ANSWER_S)) as response:
                answer: dict[str, Any] = json.loads(response.data)
        except (HTTPError, OSError) as error:
            raise _silent(method, path, error) from error
        except ValueError as error:
            raise KubeError(0, "", f"{method} {path} was not answered with JSON") from error
        except KubeError as error:
            if error.status == TOO_MANY:
                self._pace.pause(min(error.retry_s or PAUSE_S, LONGEST_PAUSE_S))
            raise
        return answer

    def list(self, path: str, query: Mapping[str, str]) -> tuple[Iterator[dict[str, Any]], str]:
        """All objects at `path`, read page by page, and the version that they have together; raises KubeError."""
        first = self.call("GET", path, {**query, "limit": str(PAGE)})
        return self._pages(path, query, first), str(first["metadata"]["resourceVersion"])

    def open(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        read_s: float | None = ANSWER_S,
    ) -> Any:
        """Make one call and return the urllib3 response, unread; `read_s` limits each read. Raises KubeError."""
        try:
            try:
                response = self._send(method, path, query, body, read_s)
            except ProtocolError:  # a connection from the pool that the server had just closed
                response = self._send(method, path, query, body, read_s)
            if response.status >= 400:
                with closing(response):
                    raise _refusal(response)
        except (ApiException, HTTPError, OSError) as error:  # the first for what is wrong with a certificate
            raise _silent(method, path, error) from error
        return response

    def close(self) -> None:
        """Drop all connections."""
        self._client.close()  # type: ignore[no-untyped-call]

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Mapping[str, Any] | None,
        read_s: float | None,
    ) -> Any:
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        request = self._client.param_serialize(
            method, path, query_params=list((query or {}).items()), header_params=headers, body=body,
            auth_settings=["BearerToken"],
        )  # fmt: skip
        return self._client.call_api(*request, _request_timeout=(CONNECT_S, read_s)).response

    def _pages(self, path: str, query: Mapping[str, str], first: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        page = first
        while True:
            yield from page["items"]
            if not (token := page["metadata"].get("continue")):
                return
            page = self.call("GET", path, {**query, "limit": str(PAGE), "continue": token})


def shut(response: Any) -> None:
    """End a response that another thread reads: it reaches its end there."""
    with suppress(Exception):  # it may have ended by itself just now
        response.shutdown()


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


def _refusal(response: Any) -> KubeError:
    status, data = response.status, response.data
    wait = str(response.headers.get("Retry-After", ""))
    retry_s = float(wait) if wait.isdecimal() else 0.0
    try:
        said = json.loads(data)
        return KubeError(status, str(said.get("reason", "")), str(said.get("message", "")) or f"HTTP {status}", retry_s)
    except (ValueError, AttributeError):
        return KubeError(status, "", data.decode(errors="replace")[:500] or f"HTTP {status}", retry_s)


def _silent(method: str, path: str, error: Exception) -> KubeError:
    told = " ".join(_ADDRESS.sub("", str(error)).removeprefix("(0)\nReason: ").split())
    return KubeError(0, "", f"the Kubernetes API does not answer ({method} {path}: {type(error).__name__}: {told})")
