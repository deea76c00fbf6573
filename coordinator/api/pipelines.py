"""Routes of pipelines: list, create, read and delete."""

import bottle

from coordinator.api.auth import caller
from coordinator.api.callers import Callers
from coordinator.api.errors import HttpError, JsonBottle
from coordinator.api.operation import Kind, Operation, Query
from coordinator.api.requests import number_query, read_body, text_query
from coordinator.pipelines import Pipelines
from coordinator.store import BuildStore
from coordinator.views import pipeline_view
from shared import api_records
from shared.model import PipelineRecord

PIPELINES = "/api/v1/pipelines"
PIPELINE = f"{PIPELINES}/<host>/<owner>/<name>"
_PAGE = (
    Query("limit", Kind.INTEGER, "at most so many", least=1),
    Query("after", Kind.STRING, "those behind this repository, host/owner/name: what `next` of the page before says"),
)
_ASKED_AT_ONCE = 50
"""Of so many repositories the source host is asked before it is known whether a page is full."""


def add_routes(app: JsonBottle, store: BuildStore, pipelines: Pipelines, callers: Callers) -> None:
    """Add the routes of pipelines."""

    @app.get(PIPELINES, operation=Operation(query=_PAGE))
    def list_pipelines() -> api_records.PipelineList:
        """List the pipelines of the repositories that the caller may read, by name."""
        limit, after = number_query("limit", None, least=1), text_query("after")
        records = sorted(store.pipelines(), key=_name)
        found = _visible([record for record in records if _name(record) > after], limit, callers)
        items = [pipeline_view(record) for record in found[:limit]]
        return {"items": items} if len(found) == len(items) else {"items": items, "next": items[-1]["repository"]}

    @app.post(PIPELINES, operation=Operation(201, body=api_records.NewPipeline, errors=(404, 409, 422), other=200))
    def create_pipeline() -> api_records.PipelineRecord:
        """Begin to serve a repository: keep the caller's access token, and install a webhook, or renew both."""
        host, owner, name = _parts(read_body(api_records.NewPipeline)["repository"])
        record, new = pipelines.create(callers.administering(host, owner, name), caller().access_token)
        bottle.response.status = 201 if new else 200
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


def _name(record: PipelineRecord) -> str:
    return str(record.repository)


def _visible(records: list[PipelineRecord], limit: int | None, callers: Callers) -> list[PipelineRecord]:
    """Those whose repository the caller may read; where that is over `limit`, some more than that."""
    found: list[PipelineRecord] = []
    for begin in range(0, len(records), _ASKED_AT_ONCE):
        some = records[begin : begin + _ASKED_AT_ONCE]
        visible = callers.visible([record.repository for record in some])
        found += [record for record in some if record.repository in visible]
        if limit is not None and len(found) > limit:
            break
    return found


def _parts(text: str) -> list[str]:
    parts = text.split("/")
    if len(parts) != 3 or not all(part and part not in (".", "..") for part in parts):
        raise HttpError(400, "bad_field", f"'repository' is {text!r}, not host/owner/name")
    return parts
