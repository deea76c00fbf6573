"""`$(NAME)` in a manifest's command, args and env, as Kubernetes expands it before a container starts.

A name that is not defined stays as it is written; `$$` stands for one dollar sign. The rules:
https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
"""

import re
from collections.abc import Iterable, Mapping

_REFERENCE = re.compile(r"\$(?:\$|\(([^)]*)\))", re.DOTALL)


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replace the references in `text`."""

    def value(match: re.Match[str]) -> str:
        name = match[1]
        return "$" if name is None else variables.get(name, match[0])

    return _REFERENCE.sub(value, text)


def expand_environment(env: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Resolve a container's `env` list; each value may refer to variables that stand before it."""
    variables: dict[str, str] = {}
    for entry in env:
        variables[entry["name"]] = expand(str(entry.get("value") or ""), variables)
    return variables
