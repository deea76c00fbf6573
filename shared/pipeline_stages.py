"""The `stages` of a pipeline file."""

from collections.abc import Mapping
from functools import partial

from shared import value_formats
from shared.model import COMMAND, DOCKER_BUILD, DOCKER_PUBLISH, StageSpec
from shared.problems import quote
from shared.stage_params import read_params
from shared.stage_types import ParamSchema
from shared.yaml_fields import Field
from shared.yaml_positions import ListNode

STAGE_KEYS = ("name", "type", "params", "secrets", "timeout", "resources", "artifacts")
RESOURCE_KEYS = ("limits", "requests")
AMOUNT_KEYS = ("cpu", "memory", "ephemeral-storage")
MAX_STAGES = 50


def read_stages(field: Field, known_types: Mapping[str, ParamSchema]) -> tuple[StageSpec, ...]:
    """All stages, 1 to MAX_STAGES of them; what is wrong goes into the field's findings."""
    items = field.items()
    if len(items) > MAX_STAGES:
        message = f"has {len(items)} stages; at most {MAX_STAGES} are allowed"
        field.findings.fail(items[MAX_STAGES].node, field.path, message)
    if not items and isinstance(field.node, ListNode):
        field.error("must hold at least one stage")
    stages = [_read_stage(item, known_types) for item in items]
    _refuse_repeated_names(items, stages)
    _warn_of_missing_image(items, stages)
    return tuple(stages)


def _read_stage(field: Field, known_types: Mapping[str, ParamSchema]) -> StageSpec:
    stage = field.section(STAGE_KEYS, required=("name", "type"))
    kind = stage.read("type", lambda child: child.choice("stage type", known_types), "")
    no_names: tuple[str, ...] = ()
    secrets = stage.read("secrets", _read_secrets, no_names)
    return StageSpec(
        name=stage.text("name", value_formats.stage_name),
        type=kind,
        params=read_params(stage, known_types.get(kind, ParamSchema()), has_secrets=bool(secrets)),
        secrets=secrets,
        timeout_s=stage.read("timeout", _read_timeout, None),
        resources=stage.read("resources", read_resources, {}),
        artifacts=stage.read("artifacts", _read_artifacts, no_names),
    )


def _read_secrets(field: Field) -> tuple[str, ...]:
    names: dict[str, None] = {}
    for item in field.items():
        name = item.text(value_formats.secret_name)
        if name and name in names:
            item.error(f"{quote(name)} is named twice")
        names[name] = None
    return tuple(names)


def _read_artifacts(field: Field) -> tuple[str, ...]:
    return tuple(item.text(value_formats.relative_path) for item in field.items())


def _read_timeout(field: Field) -> int | None:
    return value_formats.timeout_s(field.source(value_formats.timeout))


def read_resources(field: Field) -> dict[str, dict[str, str]]:
    """Limits and requests, by resource; what is wrong goes into the field's findings."""
    section = field.section(RESOURCE_KEYS)
    limits: dict[str, str] = section.read("limits", _read_amounts, {})
    requests: dict[str, str] = section.read("requests", _read_amounts, {})
    for name in limits.keys() & requests.keys():
        if value_formats.amount(requests[name]) > value_formats.amount(limits[name]):
            more = f"asks for more {name} ({requests[name]}) than the limit allows ({limits[name]})"
            section.children["requests"].error(more)
    return {kind: amounts for kind, amounts in (("limits", limits), ("requests", requests)) if amounts}


def _read_amounts(field: Field) -> dict[str, str]:
    """The valid amounts only, by resource."""
    section = field.section(AMOUNT_KEYS)
    read = {name: section.read(name, partial(Field.source, check=value_formats.quantity), "") for name in AMOUNT_KEYS}
    for name, amount in read.items():
        if name != "cpu" and amount.endswith("m"):
            section.children[name].warn(f"{amount} means thousandths of a byte in Kubernetes; {amount[:-1]}Mi are MiB")
    return {name: amount for name, amount in read.items() if amount}


def _refuse_repeated_names(items: list[Field], stages: list[StageSpec]) -> None:
    lines: dict[str, int] = {}
    for item, stage in zip(items, stages, strict=True):
        if stage.name and stage.name in lines:
            item.error(f"the name {quote(stage.name)} is taken by the stage on line {lines[stage.name]}")
        lines.setdefault(stage.name, item.node.line)


def _warn_of_missing_image(items: list[Field], stages: list[StageSpec]) -> None:
    for item, stage in zip(items, stages, strict=True):
        if stage.type not in (COMMAND, DOCKER_PUBLISH):
            return  # a docker_build, or a type of the operator's own that may build an image as well
        if stage.type == DOCKER_PUBLISH or "image" not in stage.params:
            item.warn(f"no {DOCKER_BUILD} stage comes before this one, so there may be no image for it")
