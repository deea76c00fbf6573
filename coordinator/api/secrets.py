"""The route that hands Secrets to a launcher that keeps its own, as the one-machine mode's does.

On a cluster there is no such route: Secrets are Kubernetes' own there.
"""

import base64
import re
from typing import Any

import bottle

from coordinator.api.errors import HttpError, JsonBottle
from coordinator.api.requests import read_object
from shared.ports import SecretIntake

_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
"""A key of a Secret, as Kubernetes has it; it becomes a file's name."""


def add_routes(app: JsonBottle, intake: SecretIntake) -> None:
    """Add the route."""

    @app.put("/api/v1/namespaces/<namespace>/secrets/<name>")
    def put_secret(namespace: str, name: str) -> None:
        intake.put_secret(namespace, name, _decoded(read_object().get("data")))
        bottle.response.status = 204


def _decoded(data: Any) -> dict[str, bytes]:
    if not isinstance(data, dict) or not all(_KEY.fullmatch(key) and key not in (".", "..") for key in data):
        raise HttpError(400, "bad_field", "'data' is not an object of key → base64, its keys letters, digits, - _ .")
    try:
        return {key: base64.b64decode(value, validate=True) for key, value in data.items()}
    except (TypeError, ValueError) as error:
        raise HttpError(400, "bad_field", f"a value in 'data' is not base64: {error}") from error
