"""Routes that say whether the coordinator lives, whether it can work, and how it fares."""

from typing import Any

import bottle

from coordinator.api.errors import JsonBottle
from coordinator.metrics import CONTENT_TYPE, Metrics
from shared import keys
from shared.ports import KeyValue, ObjectStore


def add_routes(app: JsonBottle, kv: KeyValue, objects: ObjectStore, metrics: Metrics) -> None:
    """Add the routes."""

    @app.get("/healthz", public=True)
    def healthz() -> dict[str, Any]:
        return {"status": "ok"}

    @app.get("/readyz", public=True)
    def readyz() -> dict[str, Any]:
        kv.get(keys.PIPELINES)
        objects.list("readyz/")
        return {"status": "ok"}

    @app.get("/metrics", public=True)
    def read_metrics() -> bytes:
        bottle.response.content_type = CONTENT_TYPE
        return metrics.text()
