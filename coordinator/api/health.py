"""Routes that say whether the coordinator lives, whether it can work, and how it fares."""

import bottle

from coordinator.api.errors import JsonBottle
from coordinator.api.operation import TEXT, Operation
from coordinator.metrics import CONTENT_TYPE, Metrics
from shared import api_records, keys
from shared.errors import StoreError
from shared.store_ports import KeyValue, ObjectStore


def add_routes(app: JsonBottle, kv: KeyValue, objects: ObjectStore, metrics: Metrics) -> None:
    """Add the routes."""

    @app.get("/healthz", public=True)
    def healthz() -> api_records.Health:
        """Say that the coordinator lives."""
        return {"status": "ok"}

    @app.get("/readyz", public=True)
    def readyz() -> api_records.Health:
        """Say whether etcd answers, without which nothing goes; without S3, which all coordinators share, most does."""
        kv.get(keys.PIPELINES)
        try:
            objects.list("readyz/")
        except StoreError as error:
            return {"status": f"there are no logs and artifacts: {error}"}
        return {"status": "ok"}

    @app.get("/metrics", public=True, operation=Operation(media=(TEXT,)))
    def read_metrics() -> bytes:
        """Read the figures that operators watch, in Prometheus' format."""
        bottle.response.content_type = CONTENT_TYPE
        return metrics.text()
