"""A StageRun as the runtime makes one, over a real log, without the runtime's stores."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from shared.json_value import Json
from shared.stage_contract import StageContext
from shared.stage_input import StageInput, resolve
from shared.stage_log import StageLog
from shared.stage_run import StageRun

CONTEXT = StageContext(
    version=1,
    pipeline="local/ab12/hello",
    pipeline_name="hello",
    build=3,
    stage="a-stage",
    stage_name="A Stage",
    stage_type="command",
    attempt=1,
    namespace="default",
    commit="0123456789abcdef0123456789abcdef01234567",
    ref="refs/heads/main",
    branch="main",
    clone_url="http://someone:secret@git/local/ab12/hello.git",
    params={},
    secrets=(),
    artifacts=(),
    image="",
    image_repository="local/ab12/hello",
    registry="",
    docker_host="",
    kv_address="",
    s3_url="",
    s3_bucket="",
    s3_region="",
    report_key="",
    log_prefix="",
    artifacts_prefix="",
)


class ReadyWorkspace:
    """A clone that is there already."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def wait(self) -> Path:
        return self._folder


@dataclass(frozen=True)
class Bench:
    """Where StageRuns are made; their logs and workspace are below one folder."""

    folder: Path

    @property
    def workspace(self) -> Path:
        path = self.folder / "workspace"
        path.mkdir(exist_ok=True)
        return path

    @property
    def log(self) -> bytes:
        return (self.folder / "log").read_bytes()

    def run(
        self,
        params: Mapping[str, Json] | None = None,
        secrets: Mapping[str, bytes] | None = None,
        credentials: Mapping[str, str] | None = None,
        **context: Any,
    ) -> StageRun:
        """A new run; `context` overrides fields of CONTEXT."""
        params, secrets = params or {}, secrets or {}
        given = StageInput(
            context=replace(CONTEXT, params=params, **context),
            credentials=credentials or {},
            secrets=secrets,
            params=resolve(params, secrets),
            masked=secrets,
            warnings=(),
            problems=(),
        )
        (self.folder / "log").unlink(missing_ok=True)
        log = StageLog(self.folder / "log", os.open(os.devnull, os.O_WRONLY), secrets.values())
        return StageRun(given, log, ReadyWorkspace(self.workspace))  # type: ignore[arg-type]
