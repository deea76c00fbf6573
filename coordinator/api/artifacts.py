"""Routes of artifacts: the files that a stage has kept, listed and downloaded."""

from collections.abc import Iterator
from functools import partial
from posixpath import basename
from urllib.parse import quote

import bottle

from coordinator.api.callers import Callers
from coordinator.api.errors import JsonBottle
from coordinator.api.operation import ANY, Operation
from coordinator.api.ranges import Content, send
from coordinator.api.requests import number_query
from coordinator.api.stages import ATTEMPT, STAGE
from coordinator.artifact_reader import ArtifactReader, KeptFile
from coordinator.stage_lookup import find_attempt, find_stage
from coordinator.store import BuildStore
from shared import api_records
from shared.errors import NotFound
from shared.model import Repository

ARTIFACTS = f"{STAGE}/artifacts"


def add_routes(app: JsonBottle, store: BuildStore, artifacts: ArtifactReader, callers: Callers) -> None:
    """Add the routes of artifacts."""

    def chosen(repository: Repository, number: int, stage: str) -> tuple[Repository, int, str, int]:
        build = store.build(repository, number).value
        found = find_stage(build, stage)
        return repository, number, found.id, find_attempt(build, found, number_query("attempt", None))

    def found(attempt: tuple[Repository, int, str, int], path: str) -> KeptFile:
        try:
            return artifacts.find(*attempt, path)
        except NotFound:
            return artifacts.find(*attempt, path.replace("%2F", "/"))  # the server leaves those that were escaped

    @app.get(ARTIFACTS, operation=Operation(query=(ATTEMPT,)))
    def list_artifacts(host: str, owner: str, name: str, number: int, stage: str) -> api_records.ArtifactList:
        """List the files that an attempt of a stage has kept, by path."""
        attempt = chosen(callers.reading(host, owner, name), number, stage)
        files = artifacts.list(*attempt)
        return {"items": [{"path": f.path, "bytes": f.size, "content_type": f.content_type} for f in files]}

    @app.get(f"{ARTIFACTS}/<path:path>", operation=Operation(media=(ANY,), query=(ATTEMPT,), ranges=True))
    def read_artifact(host: str, owner: str, name: str, number: int, stage: str, path: str) -> Iterator[bytes]:
        """Download a file that an attempt of a stage has kept."""
        attempt = chosen(callers.reading(host, owner, name), number, stage)
        file = found(attempt, path)
        data = send(Content(file.size, partial(artifacts.read, *attempt, file.path)), file.content_type)
        # A user's build made it: it is kept as a file, and never shown as a page of ours.
        named = quote(basename(file.path), safe="")
        bottle.response.set_header("Content-Disposition", f"attachment; filename*=UTF-8''{named}")
        bottle.response.set_header("X-Content-Type-Options", "nosniff")
        return data
