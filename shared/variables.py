"""Params as variables of a process."""

import json
from collections.abc import Mapping

from shared.errors import InputError
from shared.json_value import Json

MAX_VARIABLE_BYTES = 128 * 1024  # Linux: MAX_ARG_STRLEN, name, `=`, value and the NUL at the end


def variables(params: Mapping[str, Json]) -> dict[str, bytes]:
    """Each param as a variable of its own name: a text as it is, anything else as JSON.

    Raises InputError for one that no process can be given.
    """
    return {name: _variable(name, value) for name, value in params.items()}


def _variable(name: str, value: Json) -> bytes:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    data = text.encode("utf-8", "surrogateescape")
    if not name or "=" in name or "\0" in name or b"\0" in data:
        raise InputError(f"the param {name!r} cannot be a variable: no name may be empty or hold a =, no value a NUL")
    if len(name.encode()) + len(data) + 2 > MAX_VARIABLE_BYTES:
        raise InputError(
            f"the param `{name}` has {len(data)} bytes, and {MAX_VARIABLE_BYTES} is the most for a variable"
        )
    return data
