"""What the stand-in for GitHub is asked and what it answers: calls, answers, and errors in GitHub's words."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.github_repositories import FakeRepository
from tests.fakes.github_schema import JSON, RAW

DOCUMENTATION = "https://docs.github.com/rest"


@dataclass
class Answer:
    """A status and a body: any JSON, bytes, or None for no body."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def content(self) -> tuple[str, bytes]:
        """The media type and the bytes."""
        if isinstance(self.body, bytes):
            return RAW, self.body
        return JSON, b"" if self.body is None else json.dumps(self.body).encode()


@dataclass
class Call:
    """A request to one repository (or to none), by a user."""

    login: str
    repository: FakeRepository | None
    values: Mapping[str, str]
    query: Mapping[str, str]
    accept: str
    body: Any


def refusal(status: int, message: str, **headers: str) -> Answer:
    """An error as GitHub words it."""
    return Answer(status, {"message": message, "documentation_url": DOCUMENTATION}, headers)


def invalid(resource: str, message: str) -> Answer:
    """GitHub's 422."""
    error = {"resource": resource, "code": "custom", "message": message}
    return Answer(422, {"message": "Validation Failed", "documentation_url": DOCUMENTATION, "errors": [error]})
