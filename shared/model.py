"""The records of kontinuous as frozen dataclasses: a pipeline file, a build with its stages and attempts.

`shared.codec` turns each of them into JSON and back; what a stage gets and gives is in `shared.stage_contract`.
Times are UTC ISO-8601 strings with milliseconds (`2026-01-31T12:00:00.000Z`); durations are seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.json_value import Json
from shared.status import Fault, Status, roll_up

DOCKER_BUILD = "docker_build"
DOCKER_PUBLISH = "docker_publish"
COMMAND = "command"
NOT_ASKED_FOR = "not asked for"
"""Why a stage is skipped that a build was started without."""
NOT_FOR_FORKS = "a pull request from a fork publishes nothing"
LEFT_OUT = frozenset({NOT_ASKED_FOR, NOT_FOR_FORKS})
"""Why stages are skipped that a build never meant to run."""
BUILT_IN_TYPES = (DOCKER_BUILD, COMMAND, DOCKER_PUBLISH)


@dataclass(frozen=True, slots=True)
class StageSpec:
    """One entry of `spec.stages`; `timeout_s`, `resources` and `artifacts` are our optional additions.

    `resources` has the shape of a Kubernetes container's: `{"limits": {"memory": "512Mi"}, "requests": {…}}`.
    """

    name: str
    type: str
    params: Mapping[str, Json] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    timeout_s: int | None = None
    resources: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    artifacts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Notification:
    """One entry of `notif`. With `secret`, the values in `metadata` are keys of that Secret."""

    type: str
    secret: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NotificationProblem:
    """Why somebody was not told of a build: the notification's `type`, the `event` (start, success, failure or
    cancelled), and what is in the way. Without `given_up` it is tried again."""

    type: str
    event: str
    problem: str
    given_up: bool = False


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A whole `.pipeline.yml`, checked."""

    name: str
    namespace: str
    stages: tuple[StageSpec, ...]
    api_version: str = "v1alpha1"
    match_labels: Mapping[str, str] = field(default_factory=dict)
    template_name: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    notif: tuple[Notification, ...] = ()


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository's identity, and its pipeline's: `github.com/owner/name`, or `local/<folder hash>/<folder>`."""

    host: str
    owner: str
    name: str

    def __str__(self) -> str:
        return f"{self.host}/{self.owner}/{self.name}"


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit: `sha` in full, the `ref` it was asked by (`refs/heads/main`), and who wrote it."""

    sha: str
    ref: str = ""
    author: str = ""
    message: str = ""

    @property
    def branch(self) -> str:
        """The short name of the branch or tag, or "" for a bare commit."""
        return self.ref.removeprefix("refs/heads/").removeprefix("refs/tags/")


@dataclass(frozen=True, slots=True)
class Trigger:
    """Who or what started a build: `source` is webhook, cli or api; `actor` a login name."""

    source: str
    actor: str = ""


@dataclass(frozen=True, slots=True)
class Resumption:
    """That a build was resumed: the `run` that this began, the id of the stage it began with, whose `actor` it was (a
    login name, or ""), and when."""

    run: int
    stage: str
    actor: str
    at: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of one stage, as one Job. `result` is what its report said, such as `{"image": "path@sha256:…"}`.

    `created_at` is when it was decided, `launched_at` when the launcher took its Job, `scheduled_at` when its pod got a
    node, `containers_started_at` when all its containers had begun, `started_at` when the stage reported RUNNING.
    `timings` are the stage's own marks, in seconds since its process began. `github` is what the stage said of its
    commit status, where this status and reason are the stage's own: "taken", "refused: …", or "".
    """

    number: int
    job: str
    status: Status = Status.PENDING
    fault: Fault | None = None
    reason: str = ""
    waiting_for: str = ""
    result: Mapping[str, Json] = field(default_factory=dict)
    exit_code: int | None = None
    log_bytes: int = 0
    warnings: tuple[str, ...] = ()
    created_at: str = ""
    launched_at: str = ""
    scheduled_at: str = ""
    containers_started_at: str = ""
    started_at: str = ""
    finished_at: str = ""
    timings: Mapping[str, float] = field(default_factory=dict)
    github: str = ""


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a build. `id` is a slug of its name, unique in the build; `image` is the stage type's own image.

    `skipped` says why it will not run ("" when it will); otherwise its status is its newest attempt's. `earlier` is
    how many of the `attempts` belong to runs of the build before it was resumed.
    """

    id: str
    spec: StageSpec
    image: str
    attempts: tuple[Attempt, ...] = ()
    skipped: str = ""
    cancelled: bool = False
    earlier: int = 0

    @property
    def current(self) -> tuple[Attempt, ...]:
        """The attempts of the build's present run."""
        return self.attempts[self.earlier :]

    @property
    def status(self) -> Status:
        """SKIPPED, the newest attempt's status, CANCELLED before any attempt, or PENDING."""
        if self.skipped:
            return Status.SKIPPED
        if self.current:
            return self.current[-1].status
        return Status.CANCELLED if self.cancelled else Status.PENDING


@dataclass(frozen=True, slots=True)
class Build:
    """One build with all its stages and attempts: one value in etcd, at most 512 KiB.

    `run` is 1, and one more each time that it was resumed. `removing` is set once it is being removed: from then on
    it stays finished. `fork` says that the commit is of a pull request from a fork: somebody's who may not write to
    the repository. `notifications` are those of the present run that could not be sent. `resumptions` has who began
    each run but the first.
    """

    repository: Repository
    number: int
    pipeline: Pipeline
    commit: Commit
    clone_url: str
    trigger: Trigger
    stages: tuple[Stage, ...]
    created_at: str
    finished_at: str = ""
    cancel_requested: str = ""
    inherited_image: str = ""
    reason: str = ""
    run: int = 1
    fork: bool = False
    removing: bool = False
    notifications: tuple[NotificationProblem, ...] = ()
    resumptions: tuple[Resumption, ...] = ()

    @property
    def status(self) -> Status:
        """The roll-up of the stages' statuses."""
        return roll_up(stage.status for stage in self.stages)

    @property
    def finished(self) -> bool:
        """True once the build's end was recorded."""
        return bool(self.finished_at)


@dataclass(frozen=True, slots=True)
class PipelineRecord:
    """What is stored for a repository that has a pipeline. `last_build` is the newest number: none is reused.

    `token` is the access token of who created it, and `hook_secret` what its webhook signs with, both encrypted; ""
    where the source host needs none. `hook_problem` says why the host delivers nothing, "" where it does. `removing` is
    set once it is being deleted: from then on it starts no build. `deleted_at` is set when the pipeline is gone: what
    is left keeps the number.
    """

    repository: Repository
    created_at: str
    clone_url: str = ""
    last_build: int = 0
    token: str = field(default="", repr=False)
    hook_secret: str = field(default="", repr=False)
    hook_problem: str = ""
    removing: bool = False
    deleted_at: str = ""
