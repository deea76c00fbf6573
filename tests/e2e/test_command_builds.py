"""What a `command` stage promises, in real builds through the front door."""

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from local.engine import Engine
from tests.e2e.journey import (
    Kontinuous,
    command,
    containers_of,
    docker_build,
    left_behind,
    python,
    repository,
    secrets_file,
)
from tests.waiting import wait_for


@pytest.mark.parametrize("code", [1, 42, 255])
def test_the_exit_code_is_exact(served: Kontinuous, tmp_path: Path, code: int) -> None:
    folder = repository(tmp_path / f"exit-{code}", command("Exit", "sh", "-c", f"exit {code}"))
    done = served.run(folder)
    stage = done.stage("Exit")
    assert (done.exit_code, stage["status"], stage["exit_code"], stage["fault"]) == (1, "FAIL", code, "user")


def test_a_command_that_is_not_in_the_image_is_named(served: Kontinuous, tmp_path: Path) -> None:
    done = served.run(repository(tmp_path / "missing", command("Absent", "no-such-program", "--help")))
    stage = done.stage("Absent")
    assert (done.exit_code, stage["exit_code"]) == (1, 127)
    assert "no-such-program" in served.log(done.build, "Absent").decode()


def test_stdout_and_stderr_are_in_the_log_and_binary_output_is_intact(served: Kontinuous, tmp_path: Path) -> None:
    program = """
        import os, sys
        os.write(1, b"<" + bytes(range(256)) * 1000 + b">")
        os.write(2, b"to stderr\\n")
    """
    done = served.run(repository(tmp_path / "binary", python("Bytes", program)))
    assert done.exit_code == 0, done.screen
    log = served.log(done.build, "Bytes")
    assert log.endswith(b"<" + bytes(range(256)) * 1000 + b">to stderr\n")
    assert len(log) == done.stage("Bytes")["log_bytes"]


def test_params_are_variables_of_the_process_byte_for_byte(served: Kontinuous, tmp_path: Path) -> None:
    values = {
        "PLAIN": "1",
        "QUOTES": 'it\'s "$HOME" `x` \\n',
        "LINES": "a\nb\n",
        "with.dot": "dotted",
        "WIDE": "žluťoučký",
    }
    program = "import json, os; print('VARIABLES', json.dumps(dict(os.environ)))"
    done = served.run(repository(tmp_path / "params", python("Show", program, params=values)))
    assert done.exit_code == 0, done.screen
    line = next(line for line in served.log(done.build, "Show").splitlines() if line.startswith(b"VARIABLES "))
    seen = json.loads(line.removeprefix(b"VARIABLES "))
    assert {name: seen.get(name) for name in values} == values
    assert (seen["KONTINUOUS_BUILD"], seen["KONTINUOUS_STAGE"]) == ("1", "show")


def test_an_image_whose_user_is_not_root_works_on_the_clone_too(served: Kontinuous, tmp_path: Path) -> None:
    dockerfile = "FROM python:3.13-slim\nUSER 4321:4321\nWORKDIR /tmp\n"
    program = "id -u; pwd; cd /workspace && git --version; cat README && echo more >> README && touch new && ls"
    stages = docker_build(), command("Who", "sh", "-c", program, image=None)
    files = {"Dockerfile": dockerfile, "README": "read me\n"}
    done = served.run(repository(tmp_path / "nonroot", *stages, files=files))
    assert done.exit_code == 0, done.screen
    log = served.log(done.build, "Who").decode()
    assert "4321\n/tmp\n" in log
    assert "read me\nDockerfile\nREADME\nnew\n" in log


def test_running_out_of_memory_is_said_with_the_limit(served: Kontinuous, tmp_path: Path) -> None:
    stage = python("Hoard", "kept = b'x' * (1 << 30)", resources={"limits": {"memory": "64Mi"}})
    done = served.run(repository(tmp_path / "memory", stage))
    stage = done.stage("Hoard")
    assert (done.exit_code, stage["fault"]) == (1, "user")
    assert "ran out of memory (the limit is 64Mi)" in stage["reason"]


def test_running_out_of_time_is_said_with_the_limit(served: Kontinuous, tmp_path: Path) -> None:
    done = served.run(repository(tmp_path / "time", command("Sleep", "sleep", "60", timeout="2s")))
    stage = done.stage("Sleep")
    assert (done.exit_code, stage["fault"]) == (1, "user")
    assert "longer than its timeout of 2 s" in stage["reason"]


def test_a_command_ends_though_it_leaves_children_that_hold_its_output_open(served: Kontinuous, tmp_path: Path) -> None:
    done = served.run(repository(tmp_path / "orphans", command("Leave", "sh", "-c", "sleep 300 & echo done")))
    assert done.exit_code == 0, done.screen
    assert served.log(done.build, "Leave").endswith(b"done\n")
    assert done.stage("Leave")["seconds"] < 30


def test_artifacts_are_kept_with_the_build(served: Kontinuous, tmp_path: Path) -> None:
    program = "mkdir -p reports/deep && echo yes > reports/deep/a.xml && echo no > reports/b.txt && exit 3"
    stage = command("Make", "sh", "-c", program, artifacts=["reports/**/*.xml"])
    done = served.run(repository(tmp_path / "artifacts", stage))
    assert done.stage("Make")["exit_code"] == 3
    assert done.stage("Make")["result"]["artifacts"] == [{"path": "reports/deep/a.xml", "bytes": 4}]
    kept = served.home / "data/minio/kontinuous" / done.build["repository"] / "00000001/make/1/artifacts"
    files = {path.relative_to(kept): path.read_text() for path in kept.rglob("*") if path.is_file()}
    assert files == {Path("reports/deep/a.xml"): "yes\n"}
    service = served.service()
    url = f"{service['url']}/api/v1/pipelines/{done.build['repository']}/builds/1/stages/make/artifacts"
    headers = {"Authorization": f"Bearer {service['token']}"}
    [listed] = requests.get(url, headers=headers, timeout=10).json()["items"]
    assert (listed["path"], listed["bytes"]) == ("reports/deep/a.xml", 4)
    answer = requests.get(f"{url}/{listed['path']}", headers={**headers, "Range": "bytes=1-2"}, timeout=10)
    assert (answer.status_code, answer.content) == (206, b"es")


HUNDRED_MEGABYTES = """
    import os, time
    time.sleep(0.5)
    block = b"".join(b"%07d %s\\n" % (n, b"abcdefgh" * 14) for n in range(8192))
    for _ in range(100):
        written = 0
        while written < len(block):
            written += os.write(1, block[written:])
"""


def test_a_hundred_megabytes_of_log_are_complete_while_the_stages_memory_is_bounded(
    served: Kontinuous, engine: Engine, tmp_path: Path
) -> None:
    block = b"".join(b"%07d %s\n" % (n, b"abcdefgh" * 14) for n in range(8192))
    folder = repository(tmp_path / "large", python("Write", HUNDRED_MEGABYTES))
    run = served.start("run", folder)
    [stage] = wait_for(lambda: containers_of(engine, served.instance, "large-1", "-stage"), 30)
    most = most_memory_while_running(engine, stage)
    run.kill()  # a screen is no place for so much; the build goes on without it
    build = wait_for(lambda: ended_build(served, folder), 30, 0.5)
    assert build["status"] == "SUCCESS", build
    log = served.log(build, "Write")
    assert len(log) == build["stages"][0]["log_bytes"]
    body = log[len(log) - 100 * len(block) :]
    assert hashlib.sha256(body).hexdigest() == hashlib.sha256(block * 100).hexdigest()
    assert 1 << 20 < most < 96 << 20


def ended_build(kontinuous: Kontinuous, folder: Path) -> dict[str, Any]:
    """The newest build of a folder, once it has ended."""
    build = json.loads(kontinuous("get", "builds", "-o", "json", cwd=folder).stdout)[0]
    return dict(build) if build["finished_at"] else {}


def most_memory_while_running(engine: Engine, container: str) -> int:
    """The peak of a container's first process's resident memory, in bytes, watched until it has ended."""
    with engine.client() as client:
        status = Path(f"/proc/{client.containers.get(container).attrs['State']['Pid']}/status")
    most = 0
    while (peak := _peak_kib(status)) is not None:
        most = max(most, peak)
        time.sleep(0.05)
    return most * 1024


def _peak_kib(status: Path) -> int | None:
    try:
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(lines["VmHWM"].split()[0]) if "VmHWM" in lines else None  # a zombie has none


def test_a_stage_that_fails_before_its_command_starts_leaves_no_container_waiting(
    alone: Kontinuous, engine: Engine, tmp_path: Path
) -> None:
    """No variable may hold a NUL, which only the stage itself can find out."""
    folder = repository(tmp_path / "early", python("Early", "print('never')", params={"NUL": "nul"}, secrets=["odd"]))
    secrets = secrets_file(tmp_path / "secrets.yml", odd={"nul": "with\0zero"})
    done = alone.run(folder, "--secrets", secrets)
    assert (done.exit_code, done.stage("Early")["fault"]) == (1, "input")
    assert "did not end" not in done.screen
    assert left_behind(engine, alone.instance) == []
