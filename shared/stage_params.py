"""Reading a stage's `params` (or a notification's `metadata`) by the schema of its type."""

from collections.abc import Iterable, Mapping

from shared.errors import InputError
from shared.json_value import Json
from shared.problems import quote
from shared.stage_types import Param, ParamKind, ParamSchema
from shared.value_formats import FORMATS, Check, Format, param_name, secret_key, variable_name
from shared.yaml_fields import Field, Section
from shared.yaml_positions import ScalarNode

# How alike an unknown param must be to a known one to be warned of: `comand` is, `user` and `username` are not.
_NEAR_MISS = 0.8
_UNKNOWN = Param()


def read_params(stage: Section, schema: ParamSchema, has_secrets: bool) -> dict[str, Json]:
    """A stage's params under their canonical names: known ones checked, unknown ones as any JSON.

    Known texts come as the text written, lists of texts likewise, flags as true or false.
    """
    field = stage.given("params")
    children = _by_canonical_name(field, schema) if field else {}
    params = {
        name: _read_param(child, schema.params.get(name, _UNKNOWN), has_secrets) for name, child in children.items()
    }
    parent = stage.field if field is None else field
    for name, param in schema.params.items():
        if param.required and name not in params:
            parent.findings.error(parent.node, f"{stage.field.child_path('params')}.{name}", "is missing")
        if param.secret and name in params and not has_secrets:
            children[name].warn("is meant to be a key in a secret, but the stage has no `secrets`")
    if schema.rules:
        _check_rules(stage, params, schema, has_secrets)
    for flag, wanted in schema.wants.items():
        for name in wanted if params.get(flag) is True else ():
            if name not in params:
                children[flag].error(f"is true, so the param {name} is required")
    return params


def _by_canonical_name(field: Field, schema: ParamSchema) -> dict[str, Field]:
    found: dict[str, Field] = {}
    canonical, known = schema.canonical_names, schema.names
    only_known = schema.rules.get("additionalProperties") is False  # the rules refuse what is unknown
    for key, child in field.pairs():
        name = canonical.get(key.text, key.text)
        if complaint := param_name(key.text) or (variable_name(key.text) if schema.variables else ""):
            field.findings.error(key, child.path, f"the name {quote(key.text)} {complaint}")
        elif name in found:
            field.findings.error(key, child.path, f"is given twice, also as {found[name].path}")
        else:
            if key.text not in known and not only_known:
                _warn_of_near_miss(key, child, known)
            found[name] = child
    return found


def _warn_of_near_miss(key: ScalarNode, child: Field, known: Iterable[str]) -> None:
    if nearest := child.findings.nearest(key.text, known, _NEAR_MISS):
        child.findings.warn(key, child.path, f"{quote(key.text)} is not a known param; did you mean {nearest}?")


def _check_rules(stage: Section, params: Mapping[str, Json], schema: ParamSchema, has_secrets: bool) -> None:
    """Hold the params against the type's JSON Schema; one that may be a key of a secret stands for any value."""
    from shared.param_rules import complaints  # only a catalogue with schemas pays for the library

    path = stage.field.child_path("params")
    top = stage.given("params") or Field(stage.field.node, path, stage.field.findings)
    try:
        found = complaints(schema.rules, params)
    except InputError as error:
        top.error(str(error))
        return
    for complaint in found:
        value = params.get(str(complaint.path[0])) if len(complaint.path) == 1 else None
        if complaint.missing or complaint.unknown:
            field = top.at(complaint.path[:-1]).named(str(complaint.path[-1]), complaint.unknown)
            known = schema.names if complaint.unknown else ()
            advice = field.findings.suggest(str(complaint.path[-1]), known) if known else ""
            field.error("; ".join(filter(None, (complaint.message, advice))))
        elif not (has_secrets and isinstance(value, str) and not secret_key(value)):
            top.at(complaint.path).error(complaint.message)


def _read_param(field: Field, param: Param, has_secrets: bool) -> Json:
    match param.kind:
        case ParamKind.ANY:
            return field.json()
        case ParamKind.TEXT:
            return field.source(_check_of(param.format, has_secrets))
        case ParamKind.TEXTS:
            return _read_texts(field, param.required)
        case ParamKind.FLAG:
            return field.flag()


def _read_texts(field: Field, required: bool) -> list[str]:
    # Words of a command line may be empty when quoted, and numbers need no quotes: [sleep, 1.0]
    items = field.items()
    if required and not items and not isinstance(field.node, ScalarNode):
        field.error("must hold at least one text")
    return [item.source(_allow_empty) for item in items]


def _allow_empty(_: str) -> str:
    return ""


def _check_of(form: Format, has_secrets: bool) -> Check:
    """The check of a text; where a stage has secrets, what looks like a key in one is not held to the form."""
    check = FORMATS[form]
    return (lambda text: check(text) if secret_key(text) else "") if has_secrets else check
