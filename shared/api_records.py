"""What the HTTP API answers, as types: the JSON objects as they come. The service makes them, the command line reads
them, and the OpenAPI document is made of them.

Times are UTC ISO-8601 with milliseconds, or "" for what has not happened; durations are seconds.
"""

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from msgspec import Meta

_PART = "[A-Za-z0-9._-]*[A-Za-z0-9_-][A-Za-z0-9._-]*"  # neither `.` nor `..`
_HOST = "[A-Za-z0-9.:-]*[A-Za-z0-9:-][A-Za-z0-9.:-]*"
RepositoryName = Annotated[str, Meta(pattern=f"^{_HOST}/{_PART}/{_PART}$")]
Text = Annotated[str, Meta(min_length=1)]
"""Anything but nothing."""
SecretKey = Annotated[str, Meta(pattern="^[-._a-zA-Z0-9]*[-_a-zA-Z0-9][-._a-zA-Z0-9]*$", max_length=253)]
"""As Kubernetes has it; it becomes a file's name."""
Base64 = Annotated[str, Meta(pattern="^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$")]


class Commit(TypedDict):
    """The commit of a build; `ref` is where it was found (`refs/heads/main`), `branch` the short name of that."""

    sha: str
    ref: str
    branch: str
    author: str
    message: str


class Trigger(TypedDict):
    """Who or what started a build: `source` is webhook, cli or api, `actor` a login name."""

    source: str
    actor: str


class PublishedImage(TypedDict):
    """One image that docker_publish pushed: `name` is `registry/path`."""

    name: str
    tags: list[str]
    digest: str


class Artifact(TypedDict):
    """One file that a stage kept: its path in the workspace and its size."""

    path: str
    bytes: int


class Result(TypedDict):
    """What a stage reported: `image` is `path@sha256:…` (docker_build); `images` is docker_publish's. A stage image of
    your own may report more."""

    image: NotRequired[str]
    images: NotRequired[list[PublishedImage]]
    artifacts: NotRequired[list[Artifact]]


class Span(TypedDict):
    """One step of an attempt: when it ended, in seconds after the attempt was decided on, and how long it took."""

    name: str
    end_s: float
    seconds: float


class Attempt(TypedDict):
    """One run of a stage; `attempt` is its number. `github` says whether GitHub took the commit status that the stage
    itself posted: `taken`, `refused: …`, or "" where it posted none."""

    attempt: int
    status: str
    reason: str
    fault: str
    exit_code: int | None
    waiting_for: str
    result: Result
    warnings: list[str]
    seconds: float | None
    log_bytes: int
    github: str
    created_at: str
    launched_at: str
    scheduled_at: str
    containers_started_at: str
    started_at: str
    finished_at: str
    timings: dict[str, float]
    waterfall: list[Span]


class Stage(Attempt):
    """One stage of a build, with the facts of its newest attempt; `attempt` is 0 before the first."""

    id: str
    name: str
    type: str


class StageHistory(Stage):
    """One stage with all its attempts, the first one first: each has a log and artifacts of its own."""

    attempts: list[Attempt]


class StageList(TypedDict):
    """The stages of a build, in their order."""

    items: list[Stage]


class KeptFile(TypedDict):
    """One artifact as it is stored: its path in the workspace, its size, and what its name says that it is."""

    path: str
    bytes: int
    content_type: str


class ArtifactList(TypedDict):
    """The artifacts of one attempt of a stage, by path."""

    items: list[KeptFile]


class NotificationProblem(TypedDict):
    """Why somebody was not told of a build: the notification's type, the event (start, success, failure, cancelled),
    and what is in the way. Until it is given up, it is tried again."""

    type: str
    event: str
    problem: str
    given_up: bool


class Resumption(TypedDict):
    """That a build was resumed: the number of the run that this began (the first is 1), from which stage, by whom (""
    where nobody can tell), and when."""

    run: int
    stage: str
    actor: str
    at: str


class Build(TypedDict):
    """One build."""

    repository: str
    number: int
    status: str
    reason: str
    pipeline: str
    namespace: str
    commit: Commit
    trigger: Trigger
    created_at: str
    finished_at: str
    seconds: float | None
    cancel_requested: bool
    notifications: list[NotificationProblem]
    resumptions: list[Resumption]
    stages: list[Stage]


class PipelineRecord(TypedDict):
    """One repository that has a pipeline. `webhook_problem` says why its source host delivers no pushes, "" where it
    does, or has no webhooks; to create the pipeline again tries again."""

    repository: str
    created_at: str
    webhook_problem: str


class PipelineList(TypedDict):
    """Pipelines that the caller may see, by name. Where more follow, `next` is what `after` has to be for them."""

    items: list[PipelineRecord]
    next: NotRequired[str]


class VisibleRepository(TypedDict):
    """A repository that the caller can see: `full_name` is `owner/name`, `permission` is read, write or admin, and
    `pipeline` says whether it has one here."""

    repository: str
    full_name: str
    default_branch: str
    private: bool
    permission: str
    pipeline: bool


class RepositoryList(TypedDict):
    """One page of repositories, by name. Where more follow, `next` is the number of their page."""

    items: list[VisibleRepository]
    next: NotRequired[int]


class FileProblem(TypedDict):
    """What is wrong in a pipeline file and where, counted from 1; a warning is no reason to refuse it."""

    line: int
    column: int
    field: str
    message: str
    warning: bool


class Definition(TypedDict):
    """A pipeline file at a commit: `ref` is where that was found ("" for a bare commit), `sha` git's name of the file's
    content, which an update gives back."""

    path: str
    ref: str
    commit: str
    sha: str
    content: str
    problems: list[FileProblem]


class NewDefinition(TypedDict):
    """A pipeline file to commit: to `branch` (the default branch, where none is named), or as a pull request to it.

    `sha` is that of the content it replaces, as it was read; nothing where there is no file yet.
    """

    content: str
    message: NotRequired[Text]
    branch: NotRequired[Text]
    sha: NotRequired[str]
    pull_request: NotRequired[bool]


class DefinitionCommit(TypedDict):
    """What became of an update: the commit, the branch that has it, the file's new `sha`, and the address of the pull
    request, or ""."""

    commit: str
    branch: str
    sha: str
    pull_request: str


class LoginOffer(TypedDict):
    """How to log in: send a person to `authorize_url` (add `redirect_uri`, `state` and `code_challenge` of your own),
    and give this API the `code` that comes back."""

    client_id: str
    authorize_url: str
    scopes: list[str]


class LoginCode(TypedDict):
    """What GitHub sent a person back with; `redirect_uri` and `code_verifier` where the way there had them or their
    challenge."""

    code: Text
    redirect_uri: NotRequired[str]
    code_verifier: NotRequired[str]


class LoginToken(TypedDict):
    """A JSON Web Token for the header `Authorization: Bearer {token}`, and whose it is."""

    token: str
    login: str
    expires_at: str


class DeviceLogin(TypedDict):
    """A login at another device: a person enters `user_code` at `verification_uri`, while `device_code` is asked with
    every `interval` seconds, for `expires_in` seconds."""

    device_code: str
    user_code: str
    verification_uri: str
    expires_in: int
    interval: int


class DeviceCode(TypedDict):
    """Which login at another device."""

    device_code: Text


class BuildList(TypedDict):
    """One page of builds, the newest first. Where more follow, `next` is what `before` has to be for them."""

    items: list[Build]
    next: NotRequired[int]


class NewPipeline(TypedDict):
    """A repository to begin with, as `host/owner/name`."""

    repository: RepositoryName


class NewBuild(TypedDict):
    """A build to start: of a branch, tag or commit (the default branch, where none is named), of all stages or of those
    named in `only`."""

    ref: NotRequired[Text]
    only: NotRequired[list[str]]
    source: NotRequired[Literal["api", "cli"]]


class StageType(TypedDict):
    """A stage type that a pipeline file may name here: its image, and its params together as a JSON Schema ({}: any).
    Those of a `built_in` type are only described by it."""

    type: str
    image: str
    description: str
    built_in: bool
    params: dict[str, Any]


class StageTypeList(TypedDict):
    """All stage types of this installation."""

    items: list[StageType]


class Receipt(TypedDict):
    """What became of a webhook's delivery: `pong`; `ignored`, with the reason; `accepted`, with the number of its build
    if it has one already, or with the reason why none can be made."""

    status: str
    reason: str
    build: int | None


class User(TypedDict):
    """Who the caller is: their login name at the source host; "" where nobody can tell."""

    login: str


class Health(TypedDict):
    """That it works: `ok`, or what does not."""

    status: str


class SecretData(TypedDict):
    """A Secret's values: key → base64."""

    data: dict[SecretKey, Base64]


class Error(TypedDict):
    """Why a request was not done: a word for programs, a sentence for people, and more sentences where there are."""

    code: str
    message: str
    details: list[str]
