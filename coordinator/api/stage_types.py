"""The route of the stage types: what a pipeline file may name on this installation."""

from collections.abc import Mapping

from coordinator.api.errors import JsonBottle
from shared import api_records
from shared.catalogue import StageType, known_types
from shared.model import BUILT_IN_TYPES
from shared.stage_types import as_json_schema


def add_routes(app: JsonBottle, catalogue: Mapping[str, StageType]) -> None:
    """Add the route."""
    schemas = {kind: dict(as_json_schema(schema)) for kind, schema in known_types(catalogue).items()}

    @app.get("/api/v1/stage-types")
    def list_stage_types() -> api_records.StageTypeList:
        """List the stage types, with their images and the JSON Schemas of their params."""
        return {
            "items": [
                {
                    "type": kind,
                    "image": entry.image,
                    "description": entry.description,
                    "built_in": kind in BUILT_IN_TYPES,
                    "params": schemas[kind],
                }
                for kind, entry in sorted(catalogue.items())
            ]
        }
