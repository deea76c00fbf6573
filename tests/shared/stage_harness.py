"""A stage as the coordinator would start it: its folders, its context, real stores, each behind a gate."""

import json
import os
import subprocess
import sys
import uuid
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from shared import keys
from shared.codec import decode, encode
from shared.etcd_kv import EtcdKeyValue
from shared.model import Repository
from shared.s3_objects import S3Objects
from shared.stage_contract import StageContext, StageReport
from tests.gate import Gate
from tests.git_server import GitServer, make_repository
from tests.waiting import wait_for

if TYPE_CHECKING:
    from local.services import Services

REPOSITORY = Repository("local", "t", "demo")
BUCKET = "stage-tests"
LIMIT_S = 60


class StageHarness:
    """Starts one stage process and reads what it left in the stores."""

    def __init__(self, folder: Path, services: "Services") -> None:
        self.folder = folder
        for name in ("workspace", "credentials", "secrets", "scratch"):
            (folder / name).mkdir(parents=True)
        self.etcd = Gate(host_and_port(services.kv_address))
        self.s3 = Gate(host_and_port(services.s3_url))
        known = services.credentials
        self.key_value = EtcdKeyValue(services.kv_address, user="coordinator", password=known.etcd_coordinator_password)
        self.objects = S3Objects(
            services.s3_url, BUCKET, access_key=known.s3_access_key, secret_key=known.s3_secret_key
        )
        self.objects.make_bucket()
        number = uuid.uuid4().int % 10**8
        self.context = StageContext(
            version=1, pipeline=str(REPOSITORY), pipeline_name="demo", build=number, stage="test", stage_name="Test",
            stage_type="command", attempt=1, namespace="default", commit="", ref="", branch="", clone_url="",
            params={}, secrets=(), artifacts=(), image="", image_repository="", registry="", docker_host="",
            kv_address=self.etcd.address, s3_url=f"http://{self.s3.address}", s3_bucket=BUCKET,
            s3_region="us-east-1",
            report_key=keys.report_key(REPOSITORY, number, "test", 1),
            log_prefix=keys.log_prefix(REPOSITORY, number, "test", 1),
            artifacts_prefix=keys.artifacts_prefix(REPOSITORY, number, "test", 1),
            patience_s=30,
        )  # fmt: skip
        self.give(keys.ETCD_USER, "stage")
        self.give(keys.ETCD_PASSWORD, known.etcd_stage_password)
        self.give(keys.S3_ACCESS_KEY, known.s3_access_key)
        self.give(keys.S3_SECRET_KEY, known.s3_secret_key)
        self.context_text: str | None = None  # instead of what `context` says
        self._processes: list[subprocess.Popen[bytes]] = []

    def give(self, name: str, value: str) -> None:
        """Put a file into the credentials folder."""
        (self.folder / "credentials" / name).write_text(value)

    def give_secret(self, secret: str, key: str, value: bytes) -> None:
        """Mount a user's secret."""
        (self.folder / "secrets" / secret).mkdir(exist_ok=True)
        (self.folder / "secrets" / secret / key).write_bytes(value)

    def start(self, name: str, *options: str) -> "subprocess.Popen[bytes]":
        """Start the stage `name` of tests/shared/stage_program.py."""
        text = self.context_text or encode(self.context).decode()
        environment = os.environ | {keys.CONTEXT_VARIABLE: text}
        command = [sys.executable, "-m", "tests.shared.stage_program", name, str(self.folder), *options]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._processes.append(process)
        return process

    def run(self, name: str, *options: str) -> tuple[int, bytes, bytes]:
        """Start a stage and wait for its end; returns exit code, stdout and stderr."""
        process = self.start(name, *options)
        stdout, stderr = process.communicate(timeout=LIMIT_S)
        return process.returncode, stdout, stderr

    def serve_repository(self) -> GitServer:
        """Serve a repository with one file, which the stage will clone."""
        server = GitServer(self.folder / "served")
        sha = make_repository(server.folder, "demo.git", {"file": "hello"})
        self.context = replace(self.context, clone_url=server.url("demo.git"), commit=sha, ref="refs/heads/main")
        return server

    @property
    def report(self) -> StageReport:
        """The newest report."""
        entry = self.key_value.get(self.context.report_key)
        assert entry is not None
        return decode(StageReport, entry.value)

    @property
    def raw_report(self) -> dict[str, Any]:
        """The newest report as plain JSON."""
        entry = self.key_value.get(self.context.report_key)
        assert entry is not None
        value: dict[str, Any] = json.loads(entry.value)
        return value

    @property
    def archive(self) -> bytes:
        """The archived log."""
        return self.object(keys.log_archive(self.context.log_prefix))

    @property
    def chunks(self) -> list[str]:
        """The keys of the log's chunks that are there."""
        return [info.key for info in self.objects.list(self.context.log_prefix) if "chunk-" in info.key]

    def object(self, key: str) -> bytes:
        """An object whole."""
        return b"".join(self.objects.read(key))

    def go(self) -> None:
        """Let a stage go on that waits for it."""
        (self.folder / "go").touch()

    def wait_until_working(self) -> None:
        """Wait until a stage that waits for `go` does so: then it has also read the answer to its first report."""
        wait_for(lambda: (self.folder / "working").exists(), LIMIT_S)

    def wait_until_running(self) -> None:
        """Wait for the first report."""
        wait_for(lambda: self.key_value.get(self.context.report_key), LIMIT_S)

    def close(self) -> None:
        """End what is still running."""
        for process in self._processes:
            process.kill()
            process.communicate()
        self.etcd.thaw()
        self.s3.thaw()
        self.etcd.shut()
        self.s3.shut()
        self.key_value.close()


def host_and_port(address: str) -> tuple[str, int]:
    parts = urlsplit(address if "//" in address else f"//{address}")
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port
