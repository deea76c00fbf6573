"""`.pipeline.yml` text to a Pipeline: every mistake at once, each with its line, column and field.

The file is read in three steps: `yaml_positions` makes a tree and refuses bombs, `yaml_fields` reads typed
values from it, and this module and `pipeline_stages` know which keys there are. `docs/pipeline-reference.md`
explains each of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from shared import value_formats
from shared.errors import EXIT_INPUT, EXIT_SUCCESS
from shared.model import Notification, Pipeline
from shared.pipeline_stages import AMOUNT_KEYS, RESOURCE_KEYS, STAGE_KEYS, read_stages
from shared.problems import Findings, PipelineFileError, Problem, quote
from shared.stage_types import NOTIFIERS, STAGE_TYPES, Param, ParamKind, ParamSchema
from shared.yaml_fields import Field, Section
from shared.yaml_positions import MapNode, read_yaml

__all__ = ["Lint", "Param", "ParamKind", "ParamSchema", "Parsed", "PipelineFileError", "Problem", "lint_text", "parse"]

API_VERSION = "v1alpha1"
KIND = "Pipeline"
DEFAULT_NAMESPACE = "default"
MAX_NOTIFICATIONS = 10

# Which keys each map of the file may hold. `notif` and `stages` may stand under `spec` or `spec.template`.
KEYS: Mapping[str, tuple[str, ...]] = {
    "": ("apiVersion", "kind", "metadata", "spec"),
    "metadata": ("name", "namespace"),
    "spec": ("selector", "template", "notif", "stages"),
    "spec.selector": ("matchLabels",),
    "spec.template": ("metadata", "notif", "stages"),
    "spec.template.metadata": ("name", "labels"),
    "notif[]": ("type", "secret", "metadata"),
    "stages[]": STAGE_KEYS,
    "stages[].resources": RESOURCE_KEYS,
    "stages[].resources.limits": AMOUNT_KEYS,
}


@dataclass(frozen=True, slots=True)
class Parsed:
    """A valid pipeline, and what may be wrong with it all the same."""

    pipeline: Pipeline
    warnings: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Lint:
    """What `kontinuous lint` prints, one finding per line in the order of the file, and its exit code (0 or 2)."""

    lines: tuple[str, ...]
    exit_code: int


def parse(text: str | bytes, known_types: Mapping[str, ParamSchema] = STAGE_TYPES) -> Parsed:
    """Read a pipeline file; `known_types` holds the params of each stage type, an operator's own included.

    Raises PipelineFileError, which holds every problem with its position. Takes under 200 ms for any input.
    """
    findings = Findings()
    pipeline = _read_pipeline(Field(read_yaml(text, findings), "", findings), known_types)
    findings.raise_problems()
    return Parsed(pipeline, findings.warnings)


def lint_text(path: str, text: str | bytes, known_types: Mapping[str, ParamSchema] = STAGE_TYPES) -> Lint:
    """Check a pipeline file; `path` is what its lines begin with. Warnings say `warning:` and leave the exit code 0."""
    problems: tuple[Problem, ...] = ()
    try:
        warnings = parse(text, known_types).warnings
    except PipelineFileError as error:
        problems, warnings = error.problems, error.warnings
    marked = (Problem(w.line, w.column, w.field, f"warning: {w.message}") for w in warnings)
    lines = tuple(problem.show(path) for problem in sorted([*problems, *marked]))
    return Lint(lines, EXIT_INPUT if problems else EXIT_SUCCESS)


def _read_pipeline(root: Field, known_types: Mapping[str, ParamSchema]) -> Pipeline:
    top = root.section(KEYS[""], required=KEYS[""])
    for key, wanted in (("apiVersion", API_VERSION), ("kind", KIND)):
        top.read(key, partial(_read_constant, wanted=wanted), "")
    metadata = top.section("metadata", KEYS["metadata"], required=("name",))
    spec = top.section("spec", KEYS["spec"])
    template = spec.section("template", KEYS["spec.template"])
    template_metadata = template.section("metadata", KEYS["spec.template.metadata"])
    match_labels: dict[str, str] = spec.section("selector", KEYS["spec.selector"]).read("matchLabels", _read_labels, {})
    labels: dict[str, str] = template_metadata.read("labels", _read_labels, {})
    _compare_labels(spec, match_labels, labels)
    notif, stages = _in_one_place("notif", spec, template), _in_one_place("stages", spec, template)
    holder = spec.given("template") or top.given("spec")
    if stages is None and holder and isinstance(holder.node, MapNode):
        (template if spec.given("template") else spec).missing("stages")
    return Pipeline(
        name=metadata.text("name", value_formats.dns_name),
        namespace=metadata.text("namespace", value_formats.dns_label, DEFAULT_NAMESPACE),
        stages=read_stages(stages, known_types) if stages else (),
        match_labels=match_labels,
        template_name=template_metadata.text("name", value_formats.dns_name),
        labels=labels or match_labels,
        notif=_read_notifications(notif) if notif else (),
    )


def _read_constant(field: Field, wanted: str) -> str:
    return field.source(lambda text: "" if text == wanted else f"must be {wanted}")


def _read_labels(field: Field) -> dict[str, str]:
    labels = {}
    for key, child in field.pairs():
        if complaint := value_formats.label_key(key.text):
            field.findings.error(key, child.path, f"the label {quote(key.text)} {complaint}")
        labels[key.text] = child.text(value_formats.label_value)
    return labels


def _compare_labels(spec: Section, match_labels: Mapping[str, str], labels: Mapping[str, str]) -> None:
    selector = spec.given("selector")
    if selector and labels and not match_labels.items() <= labels.items():
        selector.warn("matchLabels says something else than template.metadata.labels; the Job gets the latter")


def _in_one_place(key: str, spec: Section, template: Section) -> Field | None:
    here, there = spec.given(key), template.given(key)
    if here and there:
        here.error(f"is also given under spec.template, on line {there.node.line}; keep one of them")
    return there or here


def _read_notifications(field: Field) -> tuple[Notification, ...]:
    items = field.items()
    if len(items) > MAX_NOTIFICATIONS:
        message = f"has {len(items)} entries; at most {MAX_NOTIFICATIONS} are allowed"
        field.findings.fail(items[MAX_NOTIFICATIONS].node, field.path, message)
    return tuple(_read_notification(item) for item in items)


def _read_notification(field: Field) -> Notification:
    entry = field.section(KEYS["notif[]"], required=("type", "metadata"))
    kind = entry.read("type", lambda child: child.choice("notification type", NOTIFIERS), "")
    secret = entry.text("secret", value_formats.secret_name)
    if kind not in NOTIFIERS:
        return Notification(kind)
    has_secret = entry.given("secret") is not None
    reader = partial(_read_notification_metadata, schema=NOTIFIERS[kind], has_secret=has_secret)
    metadata: dict[str, str] = entry.read("metadata", reader, {})
    return Notification(kind, secret or None, metadata)


def _read_notification_metadata(field: Field, schema: ParamSchema, has_secret: bool) -> dict[str, str]:
    required = [name for name, param in schema.params.items() if param.required]
    metadata = field.section(tuple(schema.params), required)
    checks = {name: value_formats.FORMATS[param.format] for name, param in schema.params.items()}
    # All children, also those that are null: `channel: #builds` without quotes would go unnoticed.
    return {
        name: child.text(value_formats.secret_key if has_secret else checks[name])
        for name, child in metadata.children.items()
        if name not in required or not child.null
    }
