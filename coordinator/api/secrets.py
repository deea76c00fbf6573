"""The route that hands Secrets to a launcher that keeps its own, as the one-machine mode's does.

On a cluster there is no such route: Secrets are Kubernetes' own there.
"""

import base64

import bottle

from coordinator.api.errors import HttpError, JsonBottle
from coordinator.api.operation import Operation
from coordinator.api.requests import read_body
from shared import api_records
from shared.ports import SecretIntake


def add_routes(app: JsonBottle, intake: SecretIntake) -> None:
    """Add the route."""

    @app.put("/api/v1/namespaces/<namespace>/secrets/<name>", operation=Operation(204, body=api_records.SecretData))
    def put_secret(namespace: str, name: str) -> None:
        """Hand over a Secret for the stages that name it; only where no cluster keeps Secrets."""
        intake.put_secret(namespace, name, _decoded(read_body(api_records.SecretData)["data"]))
        bottle.response.status = 204


def _decoded(data: dict[str, str]) -> dict[str, bytes]:
    try:
        return {key: base64.b64decode(value, validate=True) for key, value in data.items()}
    except ValueError as error:
        raise HttpError(400, "bad_field", f"a value in 'data' is not base64: {error}") from error
