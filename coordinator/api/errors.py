"""Errors as the API tells them: JSON `{code, message, details}` with the fitting status, never HTML, never a trace."""

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

import bottle

from shared.errors import (
    Conflict,
    Forbidden,
    InfrastructureError,
    InputError,
    KontinuousError,
    NotFound,
    ObjectMissing,
    TokenRefused,
    Unsupported,
)
from shared.problems import PipelineFileError

INTERNAL = "kontinuous failed to answer; its own log says why"

log = logging.getLogger(__name__)


class HttpError(KontinuousError):
    """An error that belongs to HTTP itself, such as a missing token; `headers` go with it."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers or {}


class JsonBottle(bottle.Bottle):
    """A Bottle that answers errors as JSON: those of our routes, and its own (404, 405, 500)."""

    def __init__(self) -> None:
        super().__init__()
        self.install(_answering_errors)

    def default_error_handler(self, res: Any) -> str:
        """Render what Bottle itself refuses, or a stream that fails before its first event."""
        status, code, message, details = _describe(res)
        bottle.response.status = status
        bottle.response.content_type = "application/json"
        return error_body(code, message, details)


def error_body(code: str, message: str, details: list[str]) -> str:
    """The JSON text of an error."""
    return json.dumps({"code": code, "message": message, "details": details})


def _answering_errors(callback: Callable[..., Any]) -> Callable[..., Any]:
    """A Bottle plugin: an error of ours is an answer, and no news for the server's own log."""

    def answering(*args: Any, **kwargs: Any) -> Any:
        try:
            return callback(*args, **kwargs)
        except KontinuousError as error:
            status, code, message, details = describe(error)
            headers = error.headers if isinstance(error, HttpError) else {}
            return bottle.HTTPResponse(
                error_body(code, message, details), status, headers, content_type="application/json"
            )

    return answering


def _describe(res: Any) -> tuple[int, str, str, list[str]]:
    error = getattr(res, "exception", None)
    if error is None:
        return int(res.status_code), code_of(res.status_line), str(res.body), []
    if isinstance(error, KontinuousError):
        return describe(error)
    log.error("a request failed: %s", type(error).__name__)  # Bottle has written the trace
    return 500, "internal", INTERNAL, []


def describe(error: KontinuousError) -> tuple[int, str, str, list[str]]:
    """The status, code, message and details of one of our own errors."""
    match error:
        case HttpError():
            return error.status, error.code, str(error), []
        case PipelineFileError():
            return 422, "pipeline_file", str(error), [str(problem) for problem in error.problems]
        case Forbidden():
            return 403, "forbidden", str(error), []
        case TokenRefused():
            return 401, "github_token", str(error), []
        case NotFound() | ObjectMissing():
            return 404, "not_found", str(error), []
        case Unsupported():
            return 409, "unsupported", str(error), []
        case Conflict():
            return 409, "conflict", str(error), []
        case InputError():
            return 422, "input", str(error), []
        case InfrastructureError():
            return 503, "unavailable", str(error), []
        case _:
            return 500, "internal", str(error), []


def code_of(status_line: str) -> str:
    """The code of an error that HTTP itself names: `404 Not Found` is `not_found`."""
    return status_line.partition(" ")[2].lower().replace(" ", "_")
