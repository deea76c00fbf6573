"""Routes of pipelines: list, create, read and delete."""

import bottle

from coordinator.api.auth import caller
from coordinator.api.callers import Callers
from coordinator.api.errors import HttpError, JsonBottle
from coordinator.api.operation import Operation
from coordinator.api.requests import read_body
from coordinator.pipelines import Pipelines
from coordinator.store import BuildStore
from coordinator.views import pipeline_view
from shared import api_records

PIPELINES = "/api/v1/pipelines"
PIPELINE = f"{PIPELINES}/<host>/<owner>/<name>"


def add_routes(app: JsonBottle, store: BuildStore, pipelines: Pipelines, callers: Callers) -> None:
    """Add the routes of pipelines."""

    @app.get(PIPELINES)
    def list_pipelines() -> api_records.PipelineList:
        """List the pipelines of the repositories that the caller may read."""
        records = store.pipelines()
        visible = callers.visible([record.repository for record in records])
        return {"items": [pipeline_view(record) for record in records if record.repository in visible]}

    @app.post(PIPELINES, operation=Operation(201, body=api_records.NewPipeline, errors=(404, 409, 422)))
    def create_pipeline() -> api_records.PipelineRecord:
        """Begin to serve a repository: keep the caller's access token, and install a webhook."""
        host, owner, name = _parts(read_body(api_records.NewPipeline)["repository"])
        record = pipelines.create(callers.administering(host, owner, name), caller().access_token)
        bottle.response.status = 201
        return pipeline_view(record)

    @app.get(PIPELINE)
    def read_pipeline(host: str, owner: str, name: str) -> api_records.PipelineRecord:
        """Read a pipeline."""
        return pipeline_view(store.pipeline(callers.reading(host, owner, name)))

    @app.delete(PIPELINE, operation=Operation(204, errors=(409, 422)))
    def delete_pipeline(host: str, owner: str, name: str) -> None:
        """End to serve a repository: its webhook goes, and all its builds with their logs and artifacts."""
        pipelines.delete(callers.administering(host, owner, name), caller().access_token)
        bottle.response.status = 204


def _parts(text: str) -> list[str]:
    parts = text.split("/")
    if len(parts) != 3 or not all(part and part not in (".", "..") for part in parts):
        raise HttpError(400, "bad_field", f"'repository' is {text!r}, not host/owner/name")
    return parts
