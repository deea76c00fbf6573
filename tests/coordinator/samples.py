"""Builds, reports and settings as the coordinator's tests need them: small, whole, and with one thing changed."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from coordinator.settings import Login, Settings
from shared import keys
from shared.catalogue import StageType
from shared.clock import timestamp
from shared.model import (
    COMMAND,
    DOCKER_BUILD,
    DOCKER_PUBLISH,
    Attempt,
    Build,
    Commit,
    Pipeline,
    Repository,
    Stage,
    StageSpec,
    Trigger,
)
from shared.ports import JobPhase, JobRef, JobState
from shared.stage_contract import StageReport
from shared.status import ReportStatus, Status

REPOSITORY = Repository("local", "ab12", "hello")
NAMESPACE = "acaleph"
SHA = "a" * 40
IMAGE = f"local/ab12/hello@sha256:{'d' * 64}"
NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
BUILD = StageSpec("Build", DOCKER_BUILD)
TEST = StageSpec("Unit Test", COMMAND, {"command": ["make", "test"]})
PUBLISH = StageSpec("Publish", DOCKER_PUBLISH, {"external_registry": "quay.io", "external_image_name": "a/b"})
STAGE_IMAGES = {
    DOCKER_BUILD: "kontinuous/docker_build:1",
    COMMAND: "kontinuous/command:1",
    DOCKER_PUBLISH: "kontinuous/docker_publish:1",
}
CATALOGUE = {kind: StageType(image) for kind, image in STAGE_IMAGES.items()}


def settings(**changes: Any) -> Settings:
    made = Settings(
        kv_address="etcd:2379",
        s3_url="http://minio:9000",
        kontinuous_url="http://127.0.0.1:3005",
        internal_registry="internal-registry:5000",
        auth_secret=b"k" * 32,
        s3_access_key="access",
        s3_secret_key="s3-secret",
        stage_etcd_login=Login("stage", "etcd-secret"),
        catalogue=CATALOGUE,
        host="127.0.0.1",
        port=0,
        http_threads=8,
        remove_jobs=True,
    )
    return replace(made, **changes)


def pipeline(specs: Iterable[StageSpec] = (BUILD, TEST), labels: Mapping[str, str] | None = None) -> Pipeline:
    return Pipeline("hello", NAMESPACE, tuple(specs), labels=labels or {})


def build(*specs: StageSpec, number: int = 3, **changes: Any) -> Build:
    """A build before its first step."""
    chosen = specs or (BUILD, TEST)
    ids = keys.stage_ids(spec.name for spec in chosen)
    made = Build(
        repository=REPOSITORY,
        number=number,
        pipeline=pipeline(chosen),
        commit=Commit(SHA, "refs/heads/main", "Ann <ann@example.com>", "first"),
        clone_url="http://git/local/ab12/hello.git",
        trigger=Trigger("cli", "ann"),
        stages=tuple(
            Stage(id_, spec, STAGE_IMAGES.get(spec.type, "example.org/custom:1"))
            for id_, spec in zip(ids, chosen, strict=True)
        ),
        created_at=timestamp(NOW),
    )
    return replace(made, **changes)


def with_attempt(made: Build, stage_id: str, **changes: Any) -> Build:
    """The build with one more attempt of a stage, launched at NOW unless said otherwise."""
    stages = []
    for stage in made.stages:
        if stage.id == stage_id:
            number = len(stage.attempts) + 1
            job = keys.job_name(made.repository, made.number, stage_id, number)
            attempt = Attempt(number, job, created_at=timestamp(NOW), launched_at=timestamp(NOW))
            stage = replace(stage, attempts=(*stage.attempts, replace(attempt, **changes)))
        stages.append(stage)
    return replace(made, stages=tuple(stages))


def succeeded(made: Build, stage_id: str, result: Mapping[str, Any] | None = None) -> Build:
    ended = timestamp(NOW)
    return with_attempt(made, stage_id, status=Status.SUCCESS, result=result or {}, finished_at=ended)


def report(status: ReportStatus, after_s: float = 1.0, **changes: Any) -> StageReport:
    """A report with times after NOW."""
    started = timestamp(NOW + timedelta(seconds=0.5))
    finished = timestamp(NOW + timedelta(seconds=after_s)) if status.final else ""
    return replace(StageReport(status, "pod-1", started_at=started, finished_at=finished), **changes)


def job(made: Build, stage_id: str, number: int = 1, phase: JobPhase = JobPhase.RUNNING, **changes: Any) -> JobState:
    ref = JobRef(made.pipeline.namespace, keys.job_name(made.repository, made.number, stage_id, number))
    return replace(JobState(ref, keys.build_key(made.repository, made.number), phase), **changes)


def seconds_later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)
