"""An operator's JSON Schema of a stage's `params`, by the library `jsonschema`; the one importer of it.

`msgspec`, which checks our own records, takes Python types, not a schema that is only known at run time.
Nothing is fetched: a reference that leads out of the schema is refused when the schema is read.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from shared.errors import InputError
from shared.json_value import Json

_LONGEST_MESSAGE = 200


class Complaint(NamedTuple):
    """What is wrong, and at which of the params: keys and places in lists, from the outermost on.

    `unknown` says that the last key of the path is there and should not be, `missing` that it is not and should be.
    """

    path: tuple[str | int, ...]
    message: str
    unknown: bool = False
    missing: bool = False


def problem_of(schema: Mapping[str, Json]) -> str:
    """What makes a schema useless, or ""."""
    try:
        Draft202012Validator.check_schema(schema)
        resolver = Registry().with_resource("", DRAFT202012.create_resource(schema)).resolver()
        for keyword, reference in _references(schema):
            if not reference.startswith("#"):
                return f"{keyword} {reference!r} leads elsewhere; only references within the schema (#/…) are followed"
            resolver.lookup(reference)
        _validator(schema).is_valid({})
    except SchemaError as error:
        return f"is no JSON Schema: {_where(error)}{_one_line(error.message)}"
    except Exception as error:  # a reference to nowhere, or to itself without an end
        return f"is no usable JSON Schema: {_one_line(f'{type(error).__name__}: {error}')}"
    return ""


def complaints(schema: Mapping[str, Json], params: Mapping[str, Json]) -> tuple[Complaint, ...]:
    """All that a schema has against a stage's params, each once. Raises InputError for a schema whose references lead
    nowhere, or to themselves without an end; that may depend on the params."""
    seen: dict[Complaint, None] = {}
    try:
        for error in _validator(schema).iter_errors(params):
            seen |= dict.fromkeys(_complaints(error))
    except (RecursionError, Unresolvable) as error:
        why = "a reference leads to itself without an end" if isinstance(error, RecursionError) else str(error)
        raise InputError(f"the JSON Schema of its type cannot be used: {_one_line(why)}") from error
    return tuple(seen)


def _validator(schema: Mapping[str, Json]) -> Draft202012Validator:
    return Draft202012Validator(schema, registry=Registry())  # one without documents, and without a way to fetch any


def _complaints(error: ValidationError) -> Iterator[Complaint]:
    path = tuple(error.absolute_path)
    rule: Any = error.validator_value
    instance: Any = error.instance
    match error.validator, rule:
        case "required", _:
            for name in rule:
                if name not in instance:
                    yield Complaint((*path, name), "is missing", missing=True)
        case "additionalProperties", False:
            for name in _unexpected(instance, error.schema):
                yield Complaint((*path, name), "is not a param of this type", unknown=True)
        case "type", _:
            unquoted = isinstance(instance, bool | int | float) and "string" in rule  # one type, or a list of them
            yield Complaint(path, _one_line(error.message) + ("; quote it to make it a text" if unquoted else ""))
        case _:
            yield Complaint(path, _one_line(error.message))


def _unexpected(instance: Mapping[str, Json], schema: Any) -> Iterator[str]:
    patterns: Sequence[str] = tuple(schema.get("patternProperties", ()))
    for name in instance:
        if name not in schema.get("properties", ()) and not any(re.search(pattern, name) for pattern in patterns):
            yield name


def _references(schema: Json) -> Iterator[tuple[str, str]]:
    if isinstance(schema, Mapping):
        for keyword in ("$ref", "$dynamicRef"):
            if isinstance(schema.get(keyword), str):
                yield keyword, schema[keyword]
        for value in schema.values():
            yield from _references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _references(value)


def _where(error: ValidationError | SchemaError) -> str:
    path = "/".join(map(str, error.absolute_path))
    return f"at {path}: " if path else ""


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_MESSAGE else line[:_LONGEST_MESSAGE] + "…"
