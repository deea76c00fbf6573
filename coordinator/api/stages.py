"""Routes of stages: list, read with all attempts, and run again from one on."""

import bottle

from coordinator.api.builds import BUILD
from coordinator.api.callers import Callers
from coordinator.api.errors import JsonBottle
from coordinator.api.operation import Kind, Operation, Query
from coordinator.builds import Builds
from coordinator.stage_lookup import find_stage
from coordinator.store import BuildStore
from coordinator.views import build_view, stage_history_view, stage_view
from shared import api_records

STAGES = f"{BUILD}/stages"
STAGE = f"{STAGES}/<stage>"
ATTEMPT = Query("attempt", Kind.INTEGER, "of this attempt; the newest where it is not given", least=1)
"""For what each attempt of a stage has of its own."""


def add_routes(app: JsonBottle, store: BuildStore, builds: Builds, callers: Callers) -> None:
    """Add the routes of stages."""

    @app.get(STAGES)
    def list_stages(host: str, owner: str, name: str, number: int) -> api_records.StageList:
        """List a build's stages, each with the facts of its newest attempt."""
        build = store.build(callers.reading(host, owner, name), number).value
        return {"items": [stage_view(stage) for stage in build.stages]}

    @app.get(STAGE)
    def read_stage(host: str, owner: str, name: str, number: int, stage: str) -> api_records.StageHistory:
        """Read a stage with all its attempts, those before it was resumed too."""
        build = store.build(callers.reading(host, owner, name), number).value
        return stage_history_view(find_stage(build, stage))

    @app.post(f"{STAGE}/resume", operation=Operation(202, errors=(409,)))
    def resume_build(host: str, owner: str, name: str, number: int, stage: str) -> api_records.Build:
        """Run a finished build again from this stage on, as new attempts."""
        build = builds.resume(callers.writing(host, owner, name), number, stage, callers.login)
        bottle.response.status = 202
        return build_view(build)
