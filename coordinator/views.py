"""How builds and pipelines look from outside: the JSON of the API."""

from typing import cast

from coordinator.waterfall import waterfall
from shared import api_records
from shared.clock import seconds_between, timestamp
from shared.codec import to_json
from shared.model import Attempt, Build, PipelineRecord, Stage


def pipeline_view(record: PipelineRecord) -> api_records.PipelineRecord:
    """A pipeline as the API shows it."""
    return {
        "repository": str(record.repository),
        "created_at": record.created_at,
        "webhook_problem": record.hook_problem,
    }


def build_view(build: Build) -> api_records.Build:
    """A build with its stages as the API shows it. Times are UTC ISO-8601 or "", durations seconds or null."""
    return {
        "repository": str(build.repository),
        "number": build.number,
        "status": build.status.value,
        "reason": build.reason,
        "pipeline": build.pipeline.name,
        "namespace": build.pipeline.namespace,
        "commit": cast(api_records.Commit, {**to_json(build.commit), "branch": build.commit.branch}),
        "trigger": to_json(build.trigger),
        "created_at": build.created_at,
        "finished_at": build.finished_at,
        "seconds": seconds_between(build.created_at, build.finished_at),
        "cancel_requested": bool(build.cancel_requested),
        "notifications": to_json(build.notifications),
        "resumptions": to_json(build.resumptions),
        "stages": [stage_view(stage) for stage in build.stages],
    }


def stage_view(stage: Stage) -> api_records.Stage:
    """A stage with its newest attempt as the API shows it; `attempt` is 0 before the first."""
    attempt = stage.current[-1] if stage.current else Attempt(0, "", reason=stage.skipped)
    named = {"id": stage.id, "name": stage.spec.name, "type": stage.spec.type}
    return cast(api_records.Stage, {**named, **_attempt_view(attempt), "status": stage.status.value})


def stage_history_view(stage: Stage) -> api_records.StageHistory:
    """A stage with all its attempts, the first one first."""
    return {**stage_view(stage), "attempts": [_attempt_view(attempt) for attempt in stage.attempts]}


def _attempt_view(attempt: Attempt) -> api_records.Attempt:
    return {
        "status": attempt.status.value,
        "attempt": attempt.number,
        "reason": attempt.reason,
        "fault": attempt.fault.value if attempt.fault else "",
        "exit_code": attempt.exit_code,
        "waiting_for": attempt.waiting_for,
        "result": to_json(attempt.result),
        "warnings": list(attempt.warnings),
        "seconds": _seconds(attempt),
        "log_bytes": attempt.log_bytes,
        "github": attempt.github,
        "created_at": attempt.created_at,
        "launched_at": attempt.launched_at,
        "scheduled_at": attempt.scheduled_at,
        "containers_started_at": attempt.containers_started_at,
        "started_at": attempt.started_at,
        "finished_at": attempt.finished_at,
        "timings": to_json(attempt.timings),
        "waterfall": to_json(waterfall(attempt)),
    }


def _seconds(attempt: Attempt) -> float | None:
    return seconds_between(attempt.created_at, attempt.finished_at or (timestamp() if attempt.created_at else ""))
