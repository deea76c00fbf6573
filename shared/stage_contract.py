"""What a stage gets and gives, as frozen dataclasses that `shared.codec` turns into JSON: docs/stage-contract.md.

Apart from `shared.model`, which a stage does not need: making its classes takes longer than anything a stage does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.json_value import Json
from shared.status import Fault, ReportStatus


@dataclass(frozen=True, slots=True)
class StageContext:
    """The one document a stage gets, as JSON in the variable KONTINUOUS_CONTEXT; docs/stage-contract.md explains it.

    `image` is the image built before as `path@sha256:…`, without a registry's host, or "".
    `registry` is the internal registry as the Docker engine that the stage uses sees it.
    `docker_host` is that engine's address, or "" for a stage that needs none.
    `status_url` is where GitHub takes the stage's commit status, or "" where none is wanted.
    """

    version: int
    pipeline: str
    pipeline_name: str
    build: int
    stage: str
    stage_name: str
    stage_type: str
    attempt: int
    namespace: str
    commit: str
    ref: str
    branch: str
    clone_url: str
    params: Mapping[str, Json]
    secrets: tuple[str, ...]
    artifacts: tuple[str, ...]
    image: str
    image_repository: str
    registry: str
    docker_host: str
    kv_address: str
    s3_url: str
    s3_bucket: str
    s3_region: str
    report_key: str
    log_prefix: str
    artifacts_prefix: str
    kontinuous_url: str = ""
    build_url: str = ""
    status_url: str = ""
    status_context: str = ""
    timeout_s: int = 3600
    patience_s: int = 600


@dataclass(frozen=True, slots=True)
class StageReport:
    """What a stage writes of its attempt, under its report key in etcd.

    `work_began` says whether anything of the user's may have run. `github` says whether GitHub took the
    stage's status: "taken", "refused: …", or "" where none was asked for. `writer` tells two pods apart.
    """

    status: ReportStatus
    writer: str
    reason: str = ""
    fault: Fault | None = None
    exit_code: int | None = None
    result: Mapping[str, Json] = field(default_factory=dict)
    log_bytes: int = 0
    work_began: bool = False
    github: str = ""
    warnings: tuple[str, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)
    started_at: str = ""
    finished_at: str = ""

    @classmethod
    def unreadable(cls, problem: str) -> "StageReport":
        """Stands for a report that does not keep the contract: a failure of the stage's image."""
        reason = f"the stage's report cannot be read: {problem}"
        return cls(ReportStatus.FAIL, writer="", reason=reason, fault=Fault.INFRASTRUCTURE, work_began=True)
