"""The Secrets of notifications, read from Kubernetes by name. The right to is granted name by name, where at all."""

import base64
from collections.abc import Mapping

from coordinator.kube_api import KubeApi, KubeError
from shared.errors import Forbidden, NotFound


class KubeSecrets:
    """Implements `shared.ports.SecretReader`."""

    def __init__(self, api: KubeApi) -> None:
        self._api = api

    def read_secret(self, namespace: str, name: str) -> Mapping[str, bytes]:
        """A Secret's values; raises NotFound, Forbidden, InfrastructureError."""
        what = f"the Secret {name!r} in namespace {namespace!r}"
        try:
            secret = self._api.call("GET", f"/api/v1/namespaces/{namespace}/secrets/{name}")
        except KubeError as error:
            match error.status:
                case 404:
                    raise NotFound(f"{what} is not there: create it") from error
                case 403:
                    raise Forbidden(
                        f"kontinuous may not read {what}: let it `get` that one, as docs/operations.md says under "
                        "Notifications"
                    ) from error
                case _:
                    raise
        return {key: base64.b64decode(value) for key, value in (secret.get("data") or {}).items()}
