"""The OpenAPI 3.1 document, made of the routes themselves: nothing is described a second time."""

import inspect
import re
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any, get_type_hints

import bottle
import msgspec

from coordinator.api.operation import JSON, LARGEST, PLAIN, Kind, Operation, Query
from shared import api_records

VERSION = "3.1.0"
_REF = "#/components/schemas/{name}"
_ERROR = {"$ref": _REF.format(name=api_records.Error.__name__)}
_RANGE = Query("Range", Kind.STRING, "one part of the bytes, as `bytes=0-99`, `bytes=100-` or `bytes=-100`")
_RULE = re.compile(r"<(?P<name>\w+)(?::(?P<filter>\w+))?>")
_ABOUT = (
    "Continuous integration and delivery native to Kubernetes. Every request but those to `/healthz`, `/readyz`, "
    "`/metrics`, `/api/v1/login`, webhooks and this document wants a JSON Web Token, as README describes."
)

Json = dict[str, Any]


def document(app: bottle.Bottle, version: str) -> Json:
    """The document of all routes of an app, as JSON values."""
    routes = [route for route in app.routes if not route.config.get("hidden")]
    types = _Types(routes)
    paths: dict[str, Json] = {}
    for route in routes:
        paths.setdefault(_RULE.sub(r"{\g<name>}", route.rule), {})[route.method.lower()] = _operation(route, types)
    return {
        "openapi": VERSION,
        "info": {"title": "kontinuous", "version": version, "description": _ABOUT},
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": types.components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
        "security": [{"token": []}],
    }


class _Types:
    """The JSON Schemas of all types that routes read and answer."""

    def __init__(self, routes: list[Any]) -> None:
        self._known = [api_records.Error, *filter(None, (each for route in routes for each in _types_of(route)))]
        schemas, self.components = msgspec.json.schema_components(self._known, ref_template=_REF)
        self._schemas = list(schemas)

    def schema(self, kind: Any) -> Json:
        return dict(self._schemas[self._known.index(kind)])


def _types_of(route: Any) -> Iterator[Any]:
    operation = _declared(route)
    yield operation.body
    if JSON in operation.media:
        yield _answer(route.callback)


def _declared(route: Any) -> Operation:
    operation: Operation = route.config.get("operation", PLAIN)
    return operation


def _answer(callback: Callable[..., Any]) -> Any:
    kind = get_type_hints(callback).get("return")
    return None if kind is type(None) else kind


def _operation(route: Any, types: _Types) -> Json:
    operation, callback = _declared(route), route.callback
    made: Json = {
        "operationId": callback.__name__,
        "summary": (inspect.getdoc(callback) or callback.__name__).splitlines()[0],
        "tags": [callback.__module__.rpartition(".")[2]],
        "parameters": [*_path_parameters(route), *_other_parameters(operation)],
        "responses": {**_successes(operation, callback, types), **_errors(route, operation)},
    }
    if operation.body is not None:
        made["requestBody"] = {"required": True, "content": {JSON: {"schema": types.schema(operation.body)}}}
    if route.config.get("public"):
        made["security"] = []
    return made


def _path_parameters(route: Any) -> Iterator[Json]:
    for match in _RULE.finditer(route.rule):
        schema: Json = {"type": "integer", "minimum": 0} if match["filter"] == "int" else {"type": "string"}
        yield {"name": match["name"], "in": "path", "required": True, "schema": schema}


def _other_parameters(operation: Operation) -> Iterator[Json]:
    for place, parameters in (("query", operation.query), ("header", operation.headers)):
        yield from (_parameter(each, place) for each in parameters)
    if operation.ranges:
        yield _parameter(_RANGE, "header")


def _parameter(query: Query, place: str) -> Json:
    schema: Json = {"type": query.kind.value}
    if query.kind == "integer":
        schema |= {"minimum": query.least, "maximum": LARGEST}
    return {"name": query.name, "in": place, "required": False, "description": query.meaning, "schema": schema}


def _successes(operation: Operation, callback: Callable[..., Any], types: _Types) -> Json:
    found = {str(operation.status): _success(operation, callback, types)}
    for status in filter(None, (operation.other, 206 if operation.ranges else None)):
        found[str(status)] = {**found[str(operation.status)], "description": HTTPStatus(status).phrase}
    return found


def _success(operation: Operation, callback: Callable[..., Any], types: _Types) -> Json:
    words = HTTPStatus(operation.status).phrase
    kind = _answer(callback) if JSON in operation.media else None
    if JSON in operation.media and kind is None:
        return {"description": words}
    content = {media: {"schema": types.schema(kind)} if media == JSON else {} for media in operation.media}
    return {"description": words, "content": content}


def _errors(route: Any, operation: Operation) -> Json:
    """All that a route may refuse with: what it says itself, and what follows from its kind."""
    statuses = {*operation.errors, 500, 503}
    statuses |= {400, 408, 413} if operation.body is not None else set()
    statuses |= {416} if operation.ranges else set()
    statuses |= {400} if operation.query else set()
    statuses |= {404} if _RULE.search(route.rule) else set()
    statuses |= set() if route.config.get("public") else {401, 403}
    return {
        str(status): {"description": HTTPStatus(status).phrase, "content": {JSON: {"schema": _ERROR}}}
        for status in sorted(statuses)
    }
