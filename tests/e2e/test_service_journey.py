"""One service and several processes that use it: following, cancelling, reading what was, and two runs at once."""

import json
import os
import subprocess
import sys
from pathlib import Path

from local.engine import Engine
from tests.e2e.journey import Kontinuous, Running, command, containers_of, left_behind, python, repository
from tests.waiting import wait_for

COUNTING = """
    import os, sys, time
    print("begun", flush=True)
    while not os.path.exists("/tmp/go"):
        time.sleep(0.05)
    print("ended", flush=True)
"""


def let_go(engine: Engine, kontinuous: Kontinuous) -> None:
    """Let the program of COUNTING go on."""
    [user] = containers_of(engine, kontinuous.instance, "-user")
    with engine.client() as client:
        client.containers.get(user).exec_run(["touch", "/tmp/go"])


def test_other_processes_see_a_build_follow_its_log_and_cancel_it(
    served: Kontinuous, engine: Engine, tmp_path: Path
) -> None:
    folder = repository(tmp_path / "follow", python("Count", COUNTING), command("After", "true"))
    run = served.start("run", folder)
    run.wait_for_text("count | begun")
    listed = json.loads(served("get", "builds", "-o", "json", cwd=folder).stdout)
    assert [(build["number"], build["status"]) for build in listed] == [(1, "RUNNING")]
    followed = served.start("logs", "1", "--stage", "Count", "--follow", cwd=folder)
    followed.wait_for_text("begun")
    let_go(engine, served)
    assert run.end().exit_code == 0
    done = followed.end(20)
    assert (done.exit_code, done.stdout) == (0, served.log(listed[0], "Count"))
    assert done.stdout.endswith(b"begun\nended\n")

    run = served.start("run", folder)
    run.wait_for_text("count | begun")
    cancelled = served("cancel", "2", cwd=folder)
    assert (cancelled.exit_code, "Build " in cancelled.screen) == (0, True), cancelled.screen
    ended = run.end(40)
    assert ended.exit_code == 130, ended.screen
    assert "CANCELLED" in ended.screen
    wait_for(lambda: not containers_of(engine, served.instance, "follow-2"))


def test_past_builds_are_read_when_no_service_runs(alone: Kontinuous, engine: Engine, tmp_path: Path) -> None:
    folder = repository(tmp_path / "past", command("Speak", "echo", "once upon a time"))
    done = alone.run(folder)
    assert done.exit_code == 0, done.screen
    builds = json.loads(alone("get", "builds", "-o", "json", cwd=folder).stdout)
    assert [(build["number"], build["status"]) for build in builds] == [(1, "SUCCESS")]
    assert b"once upon a time\n" in alone("logs", "1", cwd=folder).stdout
    assert left_behind(engine, alone.instance) == []


def test_builds_that_are_started_where_no_service_runs_come_to_their_end(
    alone: Kontinuous, engine: Engine, tmp_path: Path
) -> None:
    folder = repository(tmp_path / "again", command("Speak", "echo", "once more"))
    first = alone.run(folder).build
    resumed = alone("resume", "1", "--from", "Speak", cwd=folder)
    created = alone("create", "build", first["repository"], "--ref", first["commit"]["sha"], "-o", "json")
    for done in (resumed, created):
        assert done.exit_code == 0, done.screen
        assert "so the build is followed" in done.screen
    assert "Speak (command, attempt 2)" in resumed.screen
    assert (created.build["number"], created.build["status"]) == (2, "SUCCESS")
    assert left_behind(engine, alone.instance) == []


def test_two_runs_at_once_on_one_state_folder_both_succeed(alone: Kontinuous, engine: Engine, tmp_path: Path) -> None:
    folders = [repository(tmp_path / f"twin-{name}", command("Speak", "echo", name)) for name in "ab"]
    runs: list[Running] = [alone.start("run", folder, "-o", "json") for folder in folders]
    ended = [run.end() for run in runs]
    assert [done.exit_code for done in ended] == [0, 0], "\n".join(done.screen for done in ended)
    assert left_behind(engine, alone.instance) == []


def test_a_service_is_reached_with_its_token_only(served: Kontinuous) -> None:
    url = served.service()["url"]
    assert (served.home / "service.json").stat().st_mode & 0o777 == 0o600
    assert url.startswith("http://127.0.0.1:")
    ask = f"import urllib.request; urllib.request.urlopen('{url}/api/v1/pipelines')"
    asked = subprocess.run([sys.executable, "-c", ask], env=os.environ, capture_output=True, text=True, timeout=20)
    assert "HTTP Error 401" in asked.stderr
