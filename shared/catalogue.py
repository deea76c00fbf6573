"""The operator's catalogue of stage types: the setting STAGE_IMAGES, or a file with the same text.

JSON: stage type → its image, or → an object of StageType's fields, `{"image": "example.org/scan:1", "params": {…}}`.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields

from shared.codec import from_json
from shared.errors import InputError
from shared.json_value import Json
from shared.model import BUILT_IN_TYPES
from shared.pipeline_stages import read_resources
from shared.problems import Findings, PipelineFileError
from shared.stage_types import STAGE_TYPES, ParamSchema
from shared.yaml_fields import Field
from shared.yaml_positions import read_yaml

STAGE_IMAGES = "STAGE_IMAGES"
"""The variable that holds it."""


@dataclass(frozen=True, slots=True)
class StageType:
    """What runs the stages of one type.

    `params` is a JSON Schema of the stage's `params` taken together; {} takes any. `resources` are those of a stage
    that names none, in the shape that a pipeline file has.
    """

    image: str
    params: Mapping[str, Json] = field(default_factory=dict)
    description: str = ""
    resources: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


_FIELDS = tuple(each.name for each in fields(StageType))


def read_catalogue(text: str | bytes) -> dict[str, StageType]:
    """Read a catalogue; "" is an empty one. Raises InputError that names all that is wrong, one a line."""
    if not text.strip():
        return {}
    try:
        value = json.loads(text)
    except ValueError as error:
        raise InputError(f"is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise InputError('is not an object of stage type → image, such as {"scan": "example.org/scan:1"}')
    found: dict[str, StageType] = {}
    problems: list[str] = []
    for kind, entry in value.items():
        wrong = list(_problems(kind, entry))
        problems += [f"{kind}: {problem}" for problem in wrong]
        if not wrong:
            found[kind] = StageType(entry) if isinstance(entry, str) else from_json(StageType, entry)
    if problems:
        raise InputError("\n".join(problems))
    return found


def known_types(catalogue: Mapping[str, StageType]) -> Mapping[str, ParamSchema]:
    """The stage types that a pipeline file may name: the built-in ones, and those of the catalogue."""
    own = {kind: ParamSchema(rules=entry.params, variables=True) for kind, entry in catalogue.items()}
    return {**own, **STAGE_TYPES}


def resource_problems(resources: Mapping[str, Json]) -> Iterator[str]:
    """What is wrong with an operator's `resources`, by the check that a pipeline file's have."""
    findings = Findings()
    try:
        read_resources(Field(read_yaml(json.dumps(resources), findings), "resources", findings))  # JSON is YAML
        findings.raise_problems()
    except PipelineFileError as error:
        yield from (f"{problem.field}: {problem.message}" for problem in error.problems)


def _problems(kind: str, entry: Json) -> Iterator[str]:
    if isinstance(entry, str) and entry:
        return
    if not isinstance(entry, dict):
        yield f"is not an object with an image, or an image such as {json.dumps('example.org/scan:1')}"
        return
    for name in entry.keys() - set(_FIELDS):
        yield f"unknown field {name!r}; there are {', '.join(_FIELDS)}"
    try:
        read = from_json(StageType, entry)
    except InputError as error:
        yield str(error).removeprefix("StageType.")
        return
    yield from resource_problems(read.resources)
    if not read.image:
        yield "image is empty"
    if read.params and kind in BUILT_IN_TYPES:
        yield "a built-in type has the params that it has: leave `params` out"
    elif read.params:
        from shared.param_rules import problem_of  # only a catalogue with schemas pays for the library

        if problem := problem_of(read.params):
            yield f"params: {problem}"
