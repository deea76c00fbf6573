"""Routes that say whether the coordinator lives and whether it can work."""

from typing import Any

from coordinator.api.errors import JsonBottle
from shared import keys
from shared.ports import KeyValue, ObjectStore


def add_routes(app: JsonBottle, kv: KeyValue, objects: ObjectStore) -> None:
    """Add the routes."""

    @app.get("/healthz", public=True)
    def healthz() -> dict[str, Any]:
        return {"status": "ok"}

    @app.get("/readyz", public=True)
    def readyz() -> dict[str, Any]:
        kv.get(keys.PIPELINES)
        objects.list("readyz/")
        return {"status": "ok"}
