"""Commands on pipelines, builds, stages and artifacts, against the service's real API over a stand-in for GitHub."""

import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest
import yaml

from shared import keys
from shared.status import Fault, ReportStatus
from tests.cli.conftest import KONTINUOUS, Run, Start, environment
from tests.cli.elsewhere import Elsewhere
from tests.coordinator.api.front_door import FrontDoor, report_like_a_stage, succeed
from tests.coordinator.world import PlayedStage
from tests.fakes.github import FakeGitHub

REASON = "the command exited with 3"


@pytest.fixture
def elsewhere(github: FakeGitHub, kontinuous: Run) -> Iterator[Elsewhere]:
    door = FrontDoor(github)
    door.server.world.plays.update(build=succeed, **{"unit-test": succeed})
    door.server.world.play()
    assert door.create_pipeline().status_code == 201
    yield Elsewhere(door, kontinuous)
    door.server.close()


@pytest.fixture
def failing(elsewhere: Elsewhere) -> Elsewhere:
    """Its second stage fails."""

    def fail(stage: PlayedStage) -> None:
        report_like_a_stage(stage, ReportStatus.FAIL, Fault.USER, REASON)

    elsewhere.door.server.world.plays["unit-test"] = fail
    return elsewhere


def keep(elsewhere: Elsewhere, files: dict[str, bytes], stage: str = "build", number: int = 1) -> None:
    """Have an attempt of a stage keep these files."""
    for path, data in files.items():
        prefix = keys.attempt_prefix(elsewhere.door.repository, number, stage, 1)
        elsewhere.door.server.world.objects.put(f"{prefix}artifacts/{path}", data)


def test_a_pipeline_is_listed_described_and_deleted(elsewhere: Elsewhere) -> None:
    listed = elsewhere("get", "pipelines")
    assert listed.stdout.splitlines()[0].split() == ["PIPELINE", "CREATED", "(UTC)"]
    assert elsewhere.repository in listed.stdout
    one = json.loads(elsewhere("get", "pipeline", elsewhere.repository, "-o", "json").stdout)
    assert one["repository"] == elsewhere.repository
    assert "Nothing was built yet." in elsewhere("describe", "pipeline", elsewhere.repository).stdout
    name = elsewhere.build()
    described = elsewhere("describe", "pipeline", elsewhere.repository).stdout
    assert described.startswith(f"Pipeline:  {elsewhere.repository}\n")
    assert f"{name}  SUCCESS" in described
    asked = elsewhere("delete", "pipeline", elsewhere.repository)
    assert (asked.returncode, asked.stdout) == (2, "")
    assert "say --yes" in asked.stderr
    deleted = elsewhere("delete", "pipeline", elsewhere.repository, "--yes")
    assert deleted.stdout == f"Pipeline {elsewhere.repository} is deleted\n"
    assert elsewhere("get", "pipelines", "-o", "json").stdout == "[]\n"


def test_a_pipeline_whose_webhook_github_refuses_is_there_and_what_to_do_is_said(elsewhere: Elsewhere) -> None:
    elsewhere.door.github.fail("POST /repos/{owner}/{repo}/hooks", 422, "url is not supported")
    made = elsewhere("create", "pipeline", elsewhere.repository)
    assert (made.returncode, made.stdout) == (0, f"Pipeline {elsewhere.repository} is there\n")
    assert "warning: pushes start no builds, as the webhook was refused" in made.stderr
    assert "url is not supported" in made.stderr
    assert "Webhook:   pushes start no builds" in elsewhere("describe", "pipeline", elsewhere.repository).stdout
    elsewhere.door.github.heal()
    assert elsewhere("create", "pipeline", elsewhere.repository).stderr == ""
    assert "Webhook" not in elsewhere("describe", "pipeline", elsewhere.repository).stdout


def test_repositories_on_github_are_listed(elsewhere: Elsewhere) -> None:
    host = elsewhere.door.github.host
    elsewhere.door.github.add_repository("acme/open", {"a": "b"}, private=False, ann="pull")
    rows = [line.split() for line in elsewhere("get", "repos").stdout.splitlines()]
    assert rows == [
        ["REPOSITORY", "BRANCH", "PERMISSION", "PRIVATE", "PIPELINE"],
        [elsewhere.repository, "main", "admin", "yes", "yes"],
        [f"{host}/acme/open", "main", "read", "no", "no"],
    ]
    assert json.loads(elsewhere("get", "repo", "acme/open", "-o", "json").stdout)["permission"] == "read"
    assert elsewhere("get", "repos", "acme/none").returncode == 2
    for name in ("acme/open", "acme/none"):
        builds = elsewhere("get", "builds", "-p", f"{host}/{name}")
        assert (builds.returncode, builds.stdout, len(builds.stderr.splitlines())) == (2, "", 1)


def test_a_build_is_listed_described_and_deleted(failing: Elsewhere) -> None:
    name = failing.build()
    row = failing("get", "builds", name).stdout.splitlines()[1]
    assert row.startswith(f"{name}  FAIL    main")
    assert yaml.safe_load(failing("get", "builds", name, "-o", "yaml").stdout)["number"] == 1
    described = failing("describe", "build", name).stdout
    for line in (f"Build:     {name}", f"Unit Test FAIL: {REASON}", "Commit:    "):
        assert line in described
    assert "\x1b" not in described
    assert json.loads(failing("describe", "build", name, "-o", "json").stdout)["status"] == "FAIL"
    assert failing("delete", "build", name, "-y").stdout == f"Build {name} is deleted\n"
    gone = failing("describe", "build", name)
    assert (gone.returncode, len(gone.stderr.splitlines())) == (2, 1)


def test_a_stage_is_described_with_all_attempts_and_what_github_said(failing: Elsewhere) -> None:
    name = failing.build()
    failing.door.server.world.plays["unit-test"] = succeed
    assert failing("resume", name, "--from", "Unit Test").stdout.startswith(f"Build {name} goes on from Unit Test")
    failing.door.wait_for_end()
    assert re.search(r"Resumed: +[^\n]* UTC, from unit-test by ann\n", failing("describe", "build", name).stdout)
    described = failing("describe", "stage", name, "unit-test").stdout
    newest, oldest = described.index("Attempt 2: SUCCESS"), described.index("Attempt 1: FAIL")
    assert newest < oldest
    assert re.search(rf"Reason: +{REASON}", described[oldest:])
    assert described.count("GitHub:") == 2
    assert " s  |" in described
    attempts = json.loads(failing("describe", "stage", name, "unit-test", "-o", "json").stdout)["attempts"]
    assert [attempt["status"] for attempt in attempts] == ["FAIL", "SUCCESS"]
    assert failing("describe", "stage", name).returncode == 2


def test_a_resumed_build_is_followed_from_the_stage_on(failing: Elsewhere) -> None:
    name = failing.build()
    again = failing("resume", name, "--from", "unit-test", "--follow")
    assert again.returncode == 1
    assert "Unit Test (command, attempt 2)" in again.stdout
    assert "==> Build " not in again.stdout
    wrong = failing("resume", name, "--from", "Deploy")
    assert (wrong.returncode, "there are 'Build', 'Unit Test'" in wrong.stderr) == (2, True)


@pytest.mark.parametrize("options", [["--stage", "unit-test"], []])
def test_a_followed_log_goes_on_with_the_attempt_that_does_the_work(
    elsewhere: Elsewhere, start: Start, options: list[str]
) -> None:
    first_is_read = threading.Event()

    def fail_first(stage: PlayedStage) -> None:
        stage.write(f"attempt {stage.context.attempt}\n".encode())
        if stage.context.attempt == 1:
            assert first_is_read.wait(20)
            report_like_a_stage(stage, ReportStatus.FAIL, Fault.INFRASTRUCTURE, "S3 is away")
        else:
            succeed(stage)

    elsewhere.door.server.world.plays["unit-test"] = fail_first
    name = f"{elsewhere.repository}/{elsewhere.door.start()['number']}"
    process = start("logs", name, "-f", *options, **elsewhere.variables())
    assert process.stdout
    assert process.stdout.readline() == "attempt 1\n"
    first_is_read.set()
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout) == (0, "attempt 2\n")
    assert stderr.endswith("==> Unit Test (attempt 2)\n")
    only_first = elsewhere("logs", name, "-f", "--stage", "unit-test", "--attempt", 1)
    assert only_first.stdout == "attempt 1\n"


def test_who_may_only_read_is_told_so(elsewhere: Elsewhere) -> None:
    name = elsewhere.build()
    refused = elsewhere("resume", name, "--from", "build", login="cat")
    assert (refused.returncode, len(refused.stderr.splitlines())) == (2, 1)
    bad = elsewhere("get", "pipelines", KONTINUOUS_TOKEN="nonsense")
    assert (bad.returncode, "`kontinuous login`" in bad.stderr) == (2, True)


def test_artifacts_are_listed_and_written_below_the_folder(elsewhere: Elsewhere, tmp_path: Path) -> None:
    name = elsewhere.build()
    keep(elsewhere, {"dist/app.txt": b"app", "dist/ä b.txt": b"", "report.xml": b"<x/>"})
    keep(elsewhere, {"dist/app.txt": b"tested"}, "unit-test")
    listed = json.loads(elsewhere("artifacts", "list", name, "-o", "json").stdout)
    assert [(each["stage"], each["path"], each["bytes"]) for each in listed] == [
        ("build", "dist/app.txt", 3),
        ("build", "dist/ä b.txt", 0),
        ("build", "report.xml", 4),
        ("unit-test", "dist/app.txt", 6),
    ]
    got = elsewhere("artifacts", "get", name, "--stage", "Build", "dist", "-o", "out", cwd=tmp_path)
    assert (got.returncode, got.stdout) == (0, "out/dist/app.txt (3 bytes)\nout/dist/ä b.txt (0 bytes)\n")
    assert (tmp_path / "out/dist/app.txt").read_bytes() == b"app"
    elsewhere("artifacts", "get", name, "--into", tmp_path / "all")
    found = {str(p.relative_to(tmp_path / "all")) for p in (tmp_path / "all").rglob("*") if p.is_file()}
    assert found == {"build/dist/app.txt", "build/dist/ä b.txt", "build/report.xml", "unit-test/dist/app.txt"}
    missing = elsewhere("artifacts", "get", name, "dost")
    assert (missing.returncode, missing.stderr) == (
        2,
        f"kontinuous: there is no artifact 'dost'; `kontinuous artifacts list {name}` lists them\n",
    )


def test_a_person_is_asked_before_something_is_deleted(elsewhere: Elsewhere) -> None:
    name = elsewhere.build()
    for answer, code in (("n", 130), ("", 130), ("y", 0)):
        command = [*KONTINUOUS, "delete", "build", name]
        child = pexpect.spawn(
            command[0], command[1:], env=environment(**elsewhere.variables()), encoding="utf-8", timeout=30
        )
        child.expect_exact(f"Delete build {name}, its logs and artifacts? [y/N] ")
        child.sendline(answer)
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == code
    assert elsewhere("get", "builds", name).returncode == 2
