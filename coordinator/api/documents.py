"""Routes of the API's own description: the OpenAPI document, and Swagger UI on it, from files of our own."""

from functools import cache
from pathlib import Path
from typing import Any

import bottle

from coordinator.api.errors import JsonBottle
from coordinator.api.openapi import document

SWAGGER = Path(__file__).parent / "swagger"
"""From the npm package swagger-ui-dist 5.35.0 (Apache-2.0), as published."""
VERSION = "1"
_POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"
"""What the page may load: nothing from elsewhere. Swagger UI sets styles of its own in the page."""


def add_routes(app: JsonBottle) -> None:
    """Add the routes; they come last, so that the document has all others."""

    @cache
    def described() -> dict[str, Any]:
        return document(app, VERSION)

    @app.get("/api/v1/openapi.json", public=True, hidden=True)
    def read_document() -> dict[str, Any]:
        return described()

    @app.get("/apidocs", public=True, hidden=True)
    @app.get("/apidocs/", public=True, hidden=True)
    def read_page() -> Any:
        return _file("index.html")

    @app.get("/apidocs/<name>", public=True, hidden=True)
    def read_file(name: str) -> Any:
        return _file(name)


def _file(name: str) -> Any:
    answer = bottle.static_file(name, root=str(SWAGGER))
    if isinstance(answer, bottle.HTTPError):
        return answer
    answer.set_header("Content-Security-Policy", _POLICY)
    answer.set_header("X-Content-Type-Options", "nosniff")
    return answer
