"""Makes github_openapi.json: of GitHub's published OpenAPI description, what the stand-in needs.

    npm pack @octokit/openapi && tar xzf octokit-openapi-*.tgz
    python -m tests.fakes.trim_github_openapi package/generated/api.github.com.json

What is kept are a few operations with what they refer to. The description is of OpenAPI 3.0; `nullable` becomes what
JSON Schema 2020-12 says for it, so that any validator can read it (that is OpenAPI 3.1).
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parent / "github_openapi.json"
REPOSITORY = "/repos/{owner}/{repo}"
OPERATIONS = {
    "/user": ["get"],
    "/user/repos": ["get"],
    REPOSITORY: ["get"],
    f"{REPOSITORY}/commits/{{ref}}": ["get"],
    f"{REPOSITORY}/commits/{{commit_sha}}/branches-where-head": ["get"],
    f"{REPOSITORY}/commits/{{commit_sha}}/pulls": ["get"],
    f"{REPOSITORY}/compare/{{basehead}}": ["get"],
    f"{REPOSITORY}/contents/{{path}}": ["get", "put"],
    f"{REPOSITORY}/git/refs": ["post"],
    f"{REPOSITORY}/git/refs/{{ref}}": ["delete"],
    f"{REPOSITORY}/hooks": ["get", "post"],
    f"{REPOSITORY}/hooks/{{hook_id}}": ["delete"],
    f"{REPOSITORY}/pulls": ["post"],
    f"{REPOSITORY}/statuses/{{sha}}": ["post"],
}
EXAMPLES = (
    "branch-short-items",
    "commit",
    "commit-comparison",
    "file-commit-example-for-updating-a-file",
    "full-repository-default-response",
    "git-ref",
    "hook",
    "private-user-response-with-public-and-private-profile-information",
    "pull-request",
    "pull-request-simple-items",
    "status",
)
_PROSE = {"description", "summary", "externalDocs", "tags", "headers", "title", "deprecated", "example", "examples"}
_RAW = "application/vnd.github.raw+json"
"""A media type of file contents that the description names in its prose only."""


def trim(whole: dict[str, Any]) -> dict[str, Any]:
    """The trimmed description."""
    paths = {
        path: {m: _without_prose(whole["paths"][path][m]) for m in methods} for path, methods in OPERATIONS.items()
    }
    contents = paths[f"{REPOSITORY}/contents/{{path}}"]["get"]["responses"]["200"]["content"]
    contents[_RAW] = {"schema": {"type": "string"}}
    conflict = paths[f"{REPOSITORY}/contents/{{path}}"]["put"]["responses"]["409"]["content"]["application/json"][
        "schema"
    ]
    conflict["anyOf"] = conflict.pop("oneOf")  # of its two kinds of errors, each fits the other's description, too
    trimmed: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "Part of GitHub's REST API",
            "version": whole["info"]["version"],
            "license": whole["info"]["license"],
            "x-source": f"npm package @octokit/openapi {whole['info']['version']}, generated/api.github.com.json (MIT)",
        },
        "paths": paths,
        "components": {"examples": {name: whole["components"]["examples"][name] for name in EXAMPLES}},
    }
    wanted = list(_references(paths))
    while wanted:
        kind, name = wanted.pop().removeprefix("#/components/").split("/")
        kept = trimmed["components"].setdefault(kind, {})
        if name not in kept:
            kept[name] = _without_prose(whole["components"][kind][name])
            wanted += _references(kept[name])
    return trimmed


def _without_prose(value: Any, inside_properties: bool = False) -> Any:
    if isinstance(value, list):
        return [_without_prose(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {
        key: _without_prose(item, inside_properties=key == "properties" and not inside_properties)
        for key, item in value.items()
        if inside_properties or (key not in _PROSE and not key.startswith("x-"))
    }
    return kept if inside_properties else _with_null(kept)


def _with_null(schema: dict[str, Any]) -> dict[str, Any]:
    if not schema.pop("nullable", False):
        return schema
    if "$ref" in schema or "allOf" in schema or "oneOf" in schema or "anyOf" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    if "enum" in schema and None not in schema["enum"]:
        schema["enum"] = [*schema["enum"], None]
    return {**schema, "type": [schema["type"], "null"]} if "type" in schema else schema


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)


if __name__ == "__main__":
    text = json.dumps(trim(json.loads(Path(sys.argv[1]).read_text())), indent=1, sort_keys=True)
    TARGET.write_text(text + "\n")
