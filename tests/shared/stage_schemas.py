"""The JSON Schemas of the stage contract's two documents, made of the model: `python -m tests.shared.stage_schemas`."""

import json
from pathlib import Path
from typing import Any

import msgspec

from shared.stage_contract import StageContext, StageReport

DOCS = Path(__file__).parents[2] / "docs"
DOCUMENTS = {"stage-context.schema.json": StageContext, "stage-report.schema.json": StageReport}


def schema_of(kind: type) -> dict[str, Any]:
    """One document's schema, with its parts in it."""
    (schema,), parts = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    own = {key: value for key, value in parts.pop(schema["$ref"].rpartition("/")[2]).items() if key != "description"}
    defs = {name: {key: value for key, value in part.items() if key != "description"} for name, part in parts.items()}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **own, **({"$defs": defs} if defs else {})}


def text_of(kind: type) -> str:
    """The file as it is to be."""
    return json.dumps(schema_of(kind), indent=2) + "\n"


if __name__ == "__main__":
    for name, kind in DOCUMENTS.items():
        (DOCS / name).write_text(text_of(kind))
