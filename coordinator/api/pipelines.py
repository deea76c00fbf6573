"""Routes of pipelines: list and create."""

import bottle

from coordinator.api.errors import HttpError, JsonBottle
from coordinator.api.operation import Operation
from coordinator.api.requests import read_body
from coordinator.builds import Builds
from coordinator.store import BuildStore
from coordinator.views import pipeline_view
from shared import api_records
from shared.model import Repository


def add_routes(app: JsonBottle, store: BuildStore, builds: Builds) -> None:
    """Add the routes of pipelines."""

    @app.get("/api/v1/pipelines")
    def list_pipelines() -> api_records.PipelineList:
        """List the pipelines."""
        return {"items": [pipeline_view(record) for record in store.pipelines()]}

    @app.post("/api/v1/pipelines", operation=Operation(201, body=api_records.NewPipeline, errors=(404, 409)))
    def create_pipeline() -> api_records.PipelineRecord:
        """Begin to serve a repository."""
        record = builds.create_pipeline(_repository(read_body(api_records.NewPipeline)["repository"]))
        bottle.response.status = 201
        return pipeline_view(record)


def _repository(text: str) -> Repository:
    parts = text.split("/")
    if len(parts) != 3 or not all(part and part not in (".", "..") for part in parts):
        raise HttpError(400, "bad_field", f"'repository' is {text!r}, not host/owner/name")
    return Repository(*parts)
