"""Dataclasses of `shared.model` to JSON and back, by their annotations; what does not fit is refused by name."""

import json
import math
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from shared.errors import InputError

T = TypeVar("T")

MAX_DEPTH = 64


def to_json(value: Any) -> Any:
    """Turn a dataclass, or any nesting of dataclasses, tuples and mappings, into plain JSON values."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    return value


def encode(value: Any) -> bytes:
    """Serialise a dataclass as compact UTF-8 JSON."""
    text = json.dumps(to_json(value), ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors="backslashreplace")  # half a surrogate pair has no UTF-8, but its escape is valid JSON


def decode(cls: type[T], data: bytes | str) -> T:
    """Read a dataclass from JSON text; raises InputError that names the field that does not fit."""
    try:
        value = json.loads(data, parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{cls.__name__} is not JSON: {error}") from error
    return from_json(cls, value)


def from_json(cls: type[T], value: Any) -> T:
    """Build `cls` from JSON values; unknown fields are passed over, so that an older reader takes a newer record."""
    result: T = _convert(cls, value, cls.__name__)
    return result


def _finite(text: str) -> float:
    """Python reads NaN, Infinity and 1e999, but what it writes of them is JSON for nobody else."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is not a number")
    return number


@cache
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


def _convert(kind: Any, value: Any, path: str) -> Any:
    if kind is Any:
        return _shallow(value, path)
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return None if value is None else _convert(next(a for a in get_args(kind) if a is not type(None)), value, path)
    if origin is tuple:
        return tuple(
            _convert(get_args(kind)[0], item, f"{path}[{i}]") for i, item in enumerate(_expect(value, list, path))
        )
    if origin is Mapping:
        item_kind = get_args(kind)[1]
        return {key: _convert(item_kind, item, f"{path}.{key}") for key, item in _expect(value, dict, path).items()}
    if is_dataclass(kind):
        return _convert_dataclass(kind, _expect(value, dict, path), path)
    if issubclass(kind, Enum):
        return _convert_enum(kind, value, path)
    return _convert_float(value, path) if kind is float else _expect(value, kind, path)


def _shallow(value: Any, path: str, depth: int = 0) -> Any:
    if depth > MAX_DEPTH:
        raise InputError(f"{path} is nested deeper than {MAX_DEPTH} levels")
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _shallow(item, path, depth + 1)
    return value


def _convert_float(value: Any, path: str) -> float:
    try:
        number: float = float(value) if type(value) is int else _expect(value, float, path)
    except OverflowError as error:
        raise InputError(f"{path} is too large a number") from error
    return number


def _convert_dataclass(kind: Any, value: dict[str, Any], path: str) -> Any:
    known = {}
    for f in fields(kind):
        if f.name in value:
            known[f.name] = _convert(_hints(kind)[f.name], value[f.name], f"{path}.{f.name}")
        elif f.default is MISSING and f.default_factory is MISSING:
            raise InputError(f"{path}.{f.name} is missing")
    return kind(**known)


def _convert_enum(kind: type[Enum], value: Any, path: str) -> Enum:
    try:
        return kind(value)
    except ValueError as error:
        raise InputError(f"{path} is {value!r:.80}, not one of {', '.join(str(m.value) for m in kind)}") from error


def _expect(value: Any, kind: Any, path: str) -> Any:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise InputError(f"{path} is a {type(value).__name__}, not a {kind.__name__}")
    return value
