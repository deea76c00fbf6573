"""GitHub's published description of its API as a judge of requests and responses: a drift is found out."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

JSON = "application/json"
RAW = "application/vnd.github.raw+json"
ACCEPTED = {JSON, "application/vnd.github+json", RAW}
ANY_OPERATION = {**dict.fromkeys((401, 403, 404, 429, 500, 502, 503), "basic-error"), 422: "validation-error"}
"""What GitHub may answer to anything, declared or not, and the schema of the body then."""


@dataclass(frozen=True)
class Operation:
    """One operation: its method, the template of its path, and what is declared of it."""

    method: str
    path: str
    declared: Mapping[str, Any]

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


class GitHubSchema:
    """Tells what a request or a response has that GitHub's description has not, or the other way round."""

    def __init__(self) -> None:
        self._document = json.loads((Path(__file__).parent / "github_openapi.json").read_text())
        self._components = {
            "schemas": {name: _closed(part) for name, part in self._document["components"]["schemas"].items()}
        }

    def find(self, method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
        """The operation at a path, and the values in the path; the most particular where several fit."""
        fitting = []
        for template, methods in self._document["paths"].items():
            found = _pattern(template).fullmatch(path)
            if found and method.lower() in methods:
                fitting.append((Operation(method, template, methods[method.lower()]), found.groupdict()))
        return max(fitting, key=lambda each: len(re.sub(r"\{\w+\}", "", each[0].path)), default=None)

    def example(self, name: str) -> Any:
        """A copy of one of the description's examples."""
        return json.loads(json.dumps(self._document["components"]["examples"][name]["value"]))

    def check_request(self, operation: Operation, query: Mapping[str, str], accept: str, body: bytes) -> list[str]:
        """What is wrong with a request."""
        problems = [] if accept in ACCEPTED else [f"{operation.name}: Accept is {accept!r}"]
        declared = {p["name"]: p for p in map(self._resolved, operation.declared["parameters"]) if p["in"] == "query"}
        for name, value in query.items():
            if name not in declared:
                problems.append(f"{operation.name}: the query {name!r} is not declared")
            else:
                problems += self._problems(operation.name, declared[name]["schema"], _typed(declared[name], value))
        return problems + self._check_body(operation, body)

    def _check_body(self, operation: Operation, body: bytes) -> list[str]:
        wanted = operation.declared.get("requestBody")
        if wanted is None or not body:
            return [f"{operation.name}: a body where none is declared, or none where one is"] if wanted or body else []
        try:
            value = json.loads(body)
        except ValueError as error:
            return [f"{operation.name}: the body is not JSON: {error}"]
        return self._problems(operation.name, _sealed(_closed(wanted["content"][JSON]["schema"])), value)

    def check_response(self, operation: Operation, status: int, content_type: str, body: bytes) -> list[str]:
        """What is wrong with a response of the stand-in's own."""
        name = f"the stand-in's {status} to {operation.name}"
        declared = operation.declared["responses"].get(str(status))
        content = (self._resolved(declared) if declared else {}).get("content", {})
        if status in ANY_OPERATION and not content:
            content = {JSON: {"schema": {"$ref": f"#/components/schemas/{ANY_OPERATION[status]}"}}}
        elif declared is None:
            return [f"{name}: the status is not declared"]
        if not content:
            return [f"{name}: a body where none is declared"] if body else []
        kind = content_type.partition(";")[0]
        if kind not in content:
            return [f"{name}: the media type {kind!r} is not declared"]
        if kind == RAW:
            return []
        return self._problems(name, _sealed(_closed(content[kind]["schema"])), json.loads(body))

    def _resolved(self, part: Any) -> Any:
        while "$ref" in part:
            _, _, kind, name = part["$ref"].split("/")
            part = self._document["components"][kind][name]
        return part

    def _problems(self, name: str, schema: Any, value: Any) -> list[str]:
        validator = Draft202012Validator({**schema, "components": self._components})
        return [f"{name}: {error.json_path}: {error.message[:300]}" for error in validator.iter_errors(value)]


@cache
def _pattern(template: str) -> re.Pattern[str]:
    """A path's template; what a reference or a file's path is may have slashes."""
    many = ("ref", "path", "basehead")
    return re.compile(re.sub(r"\{(\w+)\}", lambda m: f"(?P<{m[1]}>{'.+' if m[1] in many else '[^/]+'})", template))


def _typed(parameter: Mapping[str, Any], value: str) -> Any:
    return int(value) if parameter["schema"].get("type") == "integer" and value.isdecimal() else value


def _closed(schema: Any) -> Any:
    """A schema in which no object below its top may have a field that is not declared."""
    if not isinstance(schema, dict):
        return schema
    closed = dict(schema)
    for word in ("allOf", "anyOf", "oneOf"):
        if word in schema:
            closed[word] = [_closed(branch) for branch in schema[word]]
    if "properties" in schema:
        closed["properties"] = {name: _sealed(_closed(part)) for name, part in schema["properties"].items()}
    if isinstance(schema.get("items"), dict):
        closed["items"] = _sealed(_closed(schema["items"]))
    return closed


def _sealed(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with no undeclared field at its top, where it declares any."""
    return {**schema, "unevaluatedProperties": False} if any(_declares(schema)) else schema


def _declares(schema: dict[str, Any]) -> Iterator[bool]:
    yield bool(schema.get("properties")) or "$ref" in schema
    for word in ("allOf", "anyOf", "oneOf"):
        for branch in schema.get(word, []):
            yield from _declares(branch)
