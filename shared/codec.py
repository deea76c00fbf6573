"""Dataclasses of `shared.model` to JSON and back, by their annotations; what does not fit is refused by name."""

import json
import math
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache, partial
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from shared.errors import InputError

T = TypeVar("T")

MAX_DEPTH = 64

_PLAIN = frozenset({str, int, bool, float, type(None)})
_Reader = Callable[[Any], Any]


def to_json(value: Any) -> Any:
    """Turn a dataclass, or any nesting of dataclasses, tuples and mappings, into plain JSON values."""
    kind: Any = type(value)
    if kind in _PLAIN:
        return value
    if names := _field_names(kind):
        return {name: to_json(getattr(value, name)) for name in names}
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
    kind: Any = cls
    try:
        result: T = _reader(kind)(value)
    except _MisfitError as misfit:
        raise InputError(f"{cls.__name__}{misfit.path} {misfit.problem}") from misfit.__cause__
    return result


def _finite(text: str) -> float:
    """Python reads NaN, Infinity and 1e999, but what it writes of them is JSON for nobody else."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is not a number")
    return number


class _MisfitError(Exception):
    """A value that does not fit; `path` leads to it, and grows on the way up: nothing is spent on what fits."""

    def __init__(self, problem: str, path: str = "") -> None:
        self.problem = problem
        self.path = path

    def below(self, step: str) -> "_MisfitError":
        self.path = step + self.path
        return self


@cache
def _field_names(kind: type) -> tuple[str, ...]:
    return tuple(f.name for f in fields(kind)) if is_dataclass(kind) else ()


@cache
def _reader(kind: Any) -> _Reader:
    """What makes a value of an annotation from JSON; raises _MisfitError."""
    origin = get_origin(kind)
    if kind is Any:
        return _read_any
    if origin in (Union, types.UnionType):
        inner = _reader(next(a for a in get_args(kind) if a is not type(None)))
        return lambda value: None if value is None else inner(value)
    if origin is tuple:
        return partial(_read_tuple, _reader(get_args(kind)[0]))
    if origin is Mapping:
        return partial(_read_mapping, _reader(get_args(kind)[1]))
    if is_dataclass(kind):
        return partial(_read_dataclass, kind, _field_readers(kind))
    if issubclass(kind, Enum):
        return partial(_read_enum, kind)
    return _read_float if kind is float else partial(_expect, kind)


def _field_readers(kind: Any) -> tuple[tuple[str, bool, _Reader], ...]:
    hints = get_type_hints(kind)
    return tuple(
        (f.name, f.default is MISSING and f.default_factory is MISSING, _reader(hints[f.name])) for f in fields(kind)
    )


def _read_dataclass(kind: Any, readers: tuple[tuple[str, bool, _Reader], ...], value: Any) -> Any:
    given, known = _expect(dict, value), {}
    for name, is_needed, read in readers:
        if name in given:
            try:
                known[name] = read(given[name])
            except _MisfitError as misfit:
                raise misfit.below(f".{name}") from misfit.__cause__
        elif is_needed:
            raise _MisfitError("is missing", f".{name}")
    return kind(**known)


def _read_tuple(read: _Reader, value: Any) -> tuple[Any, ...]:
    made = []
    for index, item in enumerate(_expect(list, value)):
        try:
            made.append(read(item))
        except _MisfitError as misfit:
            raise misfit.below(f"[{index}]") from misfit.__cause__
    return tuple(made)


def _read_mapping(read: _Reader, value: Any) -> dict[str, Any]:
    made = {}
    for key, item in _expect(dict, value).items():
        try:
            made[key] = read(item)
        except _MisfitError as misfit:
            raise misfit.below(f".{key}") from misfit.__cause__
    return made


def _read_any(value: Any, depth: int = 0) -> Any:
    if depth > MAX_DEPTH:
        raise _MisfitError(f"is nested deeper than {MAX_DEPTH} levels")
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _read_any(item, depth + 1)
    return value


def _read_float(value: Any) -> float:
    try:
        number: float = float(value) if type(value) is int else _expect(float, value)
    except OverflowError as error:
        raise _MisfitError("is too large a number") from error
    return number


def _read_enum(kind: type[Enum], value: Any) -> Enum:
    try:
        return kind(value)
    except ValueError as error:
        known = ", ".join(str(member.value) for member in kind)
        raise _MisfitError(f"is {value!r:.80}, not one of {known}") from error


def _expect(kind: Any, value: Any) -> Any:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise _MisfitError(f"is a {type(value).__name__}, not a {kind.__name__}")
    return value
