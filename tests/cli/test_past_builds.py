import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import KONTINUOUS, Run, environment
from tests.fakes.api_server import LARGEST_PAGE, TOKEN, ApiServer
from tests.fakes.plays import DIGEST, run_until_cancelled, succeed_unseen

LOG = b"\x00\xff binary\r\n" * 1000


@pytest.fixture
def running(api: ApiServer, state_folder: Path) -> Iterator[ApiServer]:
    """A service that runs already, with two finished builds of one repository and one of another."""
    (state_folder / "service.json").write_text(json.dumps({"url": api.url, "token": TOKEN, "pid": 1}))
    api.play = succeed_unseen
    for name in ("hello", "hello", "other"):
        repository = f"local/ab12/{name}"
        api.pipelines += [] if repository in api.pipelines else [repository]
        build = api.start(repository, {})
        with build.changed:
            assert build.changed.wait_for(lambda build=build: build.value["finished_at"], 10)
    return api


def numbers(done: "subprocess.CompletedProcess[str]") -> list[str]:
    return [f"{b['repository']}/{b['number']}" for b in json.loads(done.stdout)]


def test_builds_of_the_current_folder_come_newest_first(kontinuous: Run, running: ApiServer, repository: Path) -> None:
    done = kontinuous("get", "builds", "-o", "json", cwd=repository)
    assert numbers(done) == ["local/ab12/hello/2", "local/ab12/hello/1"]
    assert numbers(kontinuous("get", "builds", "-o", "json", "--limit", 1, cwd=repository)) == ["local/ab12/hello/2"]


def test_builds_come_from_as_many_pages_as_it_takes(kontinuous: Run, running: ApiServer, repository: Path) -> None:
    for _ in range(2 * LARGEST_PAGE):
        running.start("local/ab12/hello", {})
    for limit, last in ((20, 1), (2 * LARGEST_PAGE, 3), (LARGEST_PAGE + 1, 4)):
        done = kontinuous("get", "builds", "-o", "json", "--limit", limit, cwd=repository)
        assert numbers(done) == [f"local/ab12/hello/{n}" for n in range(2 * LARGEST_PAGE + 2, last - 1, -1)]


def test_builds_outside_of_a_repository_are_all_there_are(kontinuous: Run, running: ApiServer) -> None:
    lines = kontinuous("get", "builds").stdout.splitlines()
    assert lines[0].split() == ["BUILD", "STATUS", "BRANCH", "COMMIT", "CREATED", "(UTC)", "SECONDS"]
    assert sorted(line.split()[0] for line in lines[1:]) == [
        "local/ab12/hello/1",
        "local/ab12/hello/2",
        "local/ab12/other/1",
    ]


def test_a_pipeline_or_folder_that_was_never_built_has_no_builds(
    kontinuous: Run, running: ApiServer, repository: Path
) -> None:
    running.pipelines.append("local/x/y")
    assert numbers(kontinuous("get", "builds", "-p", "local/x/y", "-o", "json")) == []
    repository = repository.rename(repository.with_name("unbuilt"))
    assert numbers(kontinuous("get", "builds", "-o", "json", cwd=repository)) == []


def test_a_pipeline_that_is_not_there_is_an_error(kontinuous: Run, running: ApiServer) -> None:
    done = kontinuous("get", "builds", "-p", "local/x/y")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "kontinuous: there is no pipeline local/x/y\n")


def test_a_number_is_a_build_of_the_pipeline_that_is_named(
    kontinuous: Run, running: ApiServer, repository: Path
) -> None:
    named = ("-p", "local/ab12/other")
    one = kontinuous("get", "builds", 1, *named, "-o", "json", cwd=repository)
    assert json.loads(one.stdout)["repository"] == "local/ab12/other"
    assert kontinuous("get", "stages", 2, *named, cwd=repository).stderr.endswith("no build 2 of local/ab12/other\n")
    other = kontinuous("get", "builds", "local/ab12/hello/1", *named)
    assert (other.returncode, other.stderr) == (2, "kontinuous: build local/ab12/hello/1 is none of local/ab12/other\n")
    assert kontinuous("get", "pipelines", *named).returncode == 2


def test_pipelines_and_stages_are_listed(kontinuous: Run, running: ApiServer, repository: Path) -> None:
    assert "local/ab12/other  2026-01-31 12:00:00" in kontinuous("get", "pipelines").stdout
    assert f"Build Docker Image  SUCCESS  1.5      {DIGEST}\n" in kontinuous("get", "stages", 2, cwd=repository).stdout


@pytest.mark.parametrize("follow", [(), ("-f",)])
def test_a_log_comes_byte_for_byte(running: ApiServer, tmp_path: Path, follow: tuple[str, ...]) -> None:
    running.builds["local/ab12/hello", 1].logs["unit-test"] = bytearray(LOG)
    running.faults.cuts = [1500]
    with (tmp_path / "out").open("wb") as file:
        command = [*KONTINUOUS, "logs", "local/ab12/hello/1", "--stage", "Unit Test", *follow]
        subprocess.run(command, env=environment(), stdout=file, timeout=60, check=True)
    assert (tmp_path / "out").read_bytes() == LOG
    assert len(running.log_offsets) == 2


def test_logs_of_all_stages_have_headings_on_stderr(kontinuous: Run, running: ApiServer, repository: Path) -> None:
    done = kontinuous("logs", 1, cwd=repository)
    assert done.stderr == "==> Build Docker Image\n==> Unit Test\n"
    assert done.stdout.startswith("Step 1/2 : FROM scratch\n")


def test_a_log_of_a_build_that_is_not_there_is_an_error(kontinuous: Run, running: ApiServer) -> None:
    done = kontinuous("logs", "local/ab12/hello/7")
    assert (done.returncode, done.stderr) == (2, "kontinuous: there is no build 7 of local/ab12/hello\n")
    wrong = kontinuous("logs", "local/ab12/hello/1", "--stage", "Test")
    assert wrong.stderr.endswith("there are 'Build Docker Image', 'Unit Test'\n")
    late = kontinuous("logs", "local/ab12/hello/1", "--stage", "Unit Test", "--attempt", 2)
    assert late.stderr == "kontinuous: there is no attempt 2 of 'Unit Test'; there were 1\n"


@pytest.mark.parametrize(("lifeline", "said"), [(True, "Build 3 of local/ab12/hello: SUCCESS"), (False, "is started")])
def test_a_build_is_followed_where_its_service_may_end_before_it(
    kontinuous: Run, running: ApiServer, state_folder: Path, lifeline: bool, said: str
) -> None:
    record = {"url": running.url, "token": TOKEN, "pid": 1, "lifeline": lifeline}
    (state_folder / "service.json").write_text(json.dumps(record))
    done = kontinuous("create", "build", "local/ab12/hello")
    assert (done.returncode, said in done.stdout) == (0, True), done.stdout
    assert ("`kontinuous serve`" in done.stdout) == lifeline


def test_cancel_asks_for_the_builds_end(kontinuous: Run, running: ApiServer) -> None:
    running.play = run_until_cancelled
    build = running.start("local/ab12/hello", {})
    done = kontinuous("cancel", "local/ab12/hello/3")
    assert done.stdout.startswith("Build local/ab12/hello/3 is being cancelled")
    with build.changed:
        assert build.changed.wait_for(lambda: build.value["status"] == "CANCELLED", 10)


def test_a_reader_that_goes_away_is_no_error_message(running: ApiServer) -> None:
    running.builds["local/ab12/hello", 1].logs["unit-test"] = bytearray(LOG * 100)
    logs = "python -m tests.fakes.kontinuous logs local/ab12/hello/1 --stage unit-test"
    script = f'{logs} | head -c 5; exit "${{PIPESTATUS[0]}}"'
    done = subprocess.run(["bash", "-c", script], capture_output=True, timeout=60, env=environment())
    assert (done.returncode, done.stdout, done.stderr) == (141, LOG[:5], b"")
