"""Errors as the API tells them: JSON `{code, message, details}` with the fitting status, never HTML, never a trace."""

import json
import logging
from typing import Any

import bottle

from shared.errors import Conflict, InfrastructureError, InputError, KontinuousError, NotFound
from shared.problems import PipelineFileError

log = logging.getLogger(__name__)


class HttpError(KontinuousError):
    """An error that belongs to HTTP itself, such as a missing token."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class JsonBottle(bottle.Bottle):
    """A Bottle whose error pages are JSON, for its own errors too (404, 405, 500)."""

    def default_error_handler(self, res: Any) -> str:
        """Render what Bottle itself refuses, or what a route failed with."""
        status, code, message, details = _describe(res)
        bottle.response.status = status
        bottle.response.content_type = "application/json"
        return json.dumps({"code": code, "message": message, "details": details})


def _describe(res: Any) -> tuple[int, str, str, list[str]]:
    error = getattr(res, "exception", None)
    if error is None:
        return int(res.status_code), _code_of(res.status_line), str(res.body), []
    if isinstance(error, KontinuousError):
        return describe(error)
    log.error("a request failed", exc_info=error)
    return 500, "internal", "kontinuous failed to answer; its own log says why", []


def describe(error: KontinuousError) -> tuple[int, str, str, list[str]]:
    """The status, code, message and details of one of our own errors."""
    match error:
        case HttpError():
            return error.status, error.code, str(error), []
        case PipelineFileError():
            return 422, "pipeline_file", str(error), [str(problem) for problem in error.problems]
        case NotFound():
            return 404, "not_found", str(error), []
        case Conflict():
            return 409, "conflict", str(error), []
        case InputError():
            return 422, "input", str(error), []
        case InfrastructureError():
            return 503, "unavailable", str(error), []
        case _:
            return 500, "internal", str(error), []


def _code_of(status_line: str) -> str:
    return status_line.split(" ", 1)[-1].lower().replace(" ", "_")
