"""The stage images of examples/stages, built as their README says, and the catalogue that names them."""

import json
from pathlib import Path
from typing import Any

from local.engine import Engine

FOLDER = Path(__file__).parents[1] / "examples/stages"
CATALOGUE = FOLDER / "catalogue.json"
BUILD_S = 240


def build_images(engine: Engine, program_image: str) -> dict[str, str]:
    """Build them in an engine; returns stage type → image."""
    images = {}
    with engine.client(timeout_s=BUILD_S) as client:
        for kind, entry in catalogue().items():
            images[kind] = entry["image"]
            arguments = {"PROGRAM": program_image} if kind == "scan" else {}
            client.images.build(path=str(FOLDER / kind), tag=entry["image"], buildargs=arguments, rm=True)
    return images


def catalogue(**changes: Any) -> dict[str, Any]:
    """The catalogue of the examples, with types changed or added."""
    return {**json.loads(CATALOGUE.read_text()), **changes}
