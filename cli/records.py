"""What the HTTP API answers, as types: the JSON objects as they come."""

from typing import Any, NamedTuple, NotRequired, TypedDict


class Commit(TypedDict):
    """The commit that a build is of."""

    sha: str
    ref: str
    branch: str
    author: str
    message: str


class PublishedImage(TypedDict):
    """One image that docker_publish pushed: `name` is `registry/path`."""

    name: str
    tags: list[str]
    digest: str


class Result(TypedDict):
    """What a stage reported: `image` is `path@sha256:…` (docker_build); `images` is docker_publish's."""

    image: NotRequired[str]
    images: NotRequired[list[PublishedImage]]


class Stage(TypedDict):
    """One stage of a build, with the facts of its newest attempt."""

    id: str
    name: str
    type: str
    status: str
    attempt: int
    reason: str
    fault: str
    exit_code: int | None
    waiting_for: str
    result: Result
    warnings: list[str]
    seconds: float | None
    log_bytes: int


class Build(TypedDict):
    """One build."""

    repository: str
    number: int
    status: str
    reason: str
    namespace: str
    pipeline: str
    commit: Commit
    trigger: dict[str, Any]
    created_at: str
    finished_at: str
    seconds: float | None
    cancel_requested: bool
    stages: list[Stage]


class PipelineRecord(TypedDict):
    """One repository that has a pipeline."""

    repository: str
    created_at: str


class BuildName(NamedTuple):
    """Which build: `repository` is `host/owner/name`."""

    repository: str
    number: int

    def __str__(self) -> str:
        return f"{self.repository}/{self.number}"


def name_of(build: Build) -> BuildName:
    """A build's name."""
    return BuildName(build["repository"], build["number"])
