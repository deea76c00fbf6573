import json
import os
import pty
import re
import subprocess
from base64 import b64encode
from pathlib import Path

from tests.cli.conftest import KONTINUOUS, SECRETS, Run, commit_all, environment
from tests.fakes.plays import DIGEST


def test_a_successful_build_ends_with_a_table_and_exit_code_0(kontinuous: Run, repository: Path) -> None:
    done = kontinuous("run", repository, "--secrets", repository.parent / "secrets.yml")
    assert (done.returncode, done.stderr) == (0, "")
    assert (
        f"STAGE               STATUS   SECONDS  IMAGE\nBuild Docker Image  SUCCESS  1.5      {DIGEST}\n" in done.stdout
    )
    assert f"Built:     localhost:5000/ab12/hello@{DIGEST} (internal registry)" in done.stdout
    assert f"Published: localhost:5001/hello@{DIGEST}, tags latest" in done.stdout
    assert "Logs:      kontinuous logs local/ab12/hello/1, kept below /state/objects" in done.stdout


def test_progress_comes_in_order_and_without_control_codes_where_there_is_no_terminal(
    kontinuous: Run, repository: Path
) -> None:
    done = kontinuous("run", repository)
    steps = [
        "starting etcd",
        "Build 1 of local/ab12/hello, commit 5555555555 main",
        "    Build Docker Image waits: the image kontinuous/docker_build",
        "==> Build Docker Image (docker_build)",
        "build-docker-image | Step 1/2 : FROM scratch",
        "build-docker-image | Step 2/2 : COPY . .",
        "build-docker-image | done",
        "<== Build Docker Image SUCCESS in 1.5 s",
        "==> Unit Test (command)",
        "unit-test | red ok",
        "<== Unit Test SUCCESS in 0.2 s",
        "stopping etcd",
    ]
    lines = done.stdout.splitlines()
    assert [line for line in lines if line in steps] == steps
    assert "\x1b" not in done.stdout
    assert "\r" not in done.stdout
    assert "a word of the service" not in done.stdout


def test_a_failed_build_shows_the_reason_and_the_last_20_lines_and_exits_1(kontinuous: Run, repository: Path) -> None:
    done = kontinuous("run", repository, play="fail")
    assert done.returncode == 1
    _, _, end = done.stdout.partition("Build Docker Image failed: the Dockerfile's step 3 failed\n")
    assert "Not told:  slack of its start: it fails: 500\n" in end
    assert re.findall(r"^    line (\d+)$", end, re.MULTILINE) == [str(n) for n in range(10, 30)]
    assert "Build 1 of local/ab12/hello: FAIL" in end


def test_json_alone_goes_to_stdout_and_progress_to_stderr(kontinuous: Run, repository: Path) -> None:
    done = kontinuous("run", repository, "-o", "json", play="fail")
    build = json.loads(done.stdout)
    assert (done.returncode, build["status"], build["number"]) == (1, "FAIL", 1)
    assert "build-docker-image | line 3" in done.stderr


def test_only_the_stages_that_were_asked_for_run(kontinuous: Run, repository: Path) -> None:
    done = kontinuous("run", repository, "--stage", "unit-test", "--stage", "UNIT TEST", "-o", "json")
    assert json.loads(done.stdout)["status"] == "SUCCESS"
    wrong = kontinuous("run", repository, "--stage", "Unit Tests")
    assert (wrong.returncode, wrong.stderr) == (
        2,
        "kontinuous: there is no stage 'Unit Tests'; did you mean 'Unit Test'?\n",
    )


def test_secrets_go_to_the_pipelines_namespace_unless_they_name_their_own(
    kontinuous: Run, repository: Path, state_folder: Path
) -> None:
    other = SECRETS.replace("{name: docker-credentials}", "{name: other, namespace: elsewhere}")
    file = repository.parent / "secrets.yml"
    file.write_text(f"{SECRETS}---\n{other}")
    assert kontinuous("run", repository, "--secrets", file).returncode == 0
    data = {"password": b64encode(b"secret").decode()}
    sent = json.loads((state_folder / "secrets.json").read_text())
    assert sent == {"examples/docker-credentials": data, "elsewhere/other": data}


def test_a_secret_that_nobody_gives_is_named(kontinuous: Run, repository: Path) -> None:
    warning = "stage 'Unit Test' wants the secret 'docker-credentials', which no --secrets file holds"
    assert warning in kontinuous("run", repository).stdout
    assert warning not in kontinuous("run", repository, "--secrets", repository.parent / "secrets.yml").stdout


def test_uncommitted_changes_are_counted(kontinuous: Run, repository: Path) -> None:
    (repository / "new file").write_text("")
    assert (
        "warning: 1 uncommitted change is not built; commit, or run with --dirty"
        in kontinuous("run", repository).stdout
    )
    (repository / ".pipeline.yml").open("a").write("# changed\n")
    assert "warning: 2 uncommitted changes are not built" in kontinuous("run", repository).stdout
    assert "uncommitted" not in kontinuous("run", repository, "--dirty").stdout
    commit_all(repository)
    assert "uncommitted" not in kontinuous("run", repository).stdout


def test_a_folder_within_the_repository_runs_the_repository(kontinuous: Run, repository: Path) -> None:
    inner = repository / "inner"
    inner.mkdir()
    assert "Build 1 of local/ab12/hello," in kontinuous("run", cwd=inner).stdout


def test_run_from_a_git_hook_still_means_the_folder(kontinuous: Run, repository: Path) -> None:
    assert kontinuous("run", repository, GIT_DIR="/nowhere", GIT_INDEX_FILE="/nowhere/index").returncode == 0


def test_an_error_of_the_service_is_one_line_and_exit_code_3(kontinuous: Run, repository: Path) -> None:
    done = kontinuous("run", repository, FAKE_REFUSAL="there is no Docker engine; install docker.io")
    assert done.returncode == 3
    assert done.stderr == "kontinuous: there is no Docker engine; install docker.io\n"


def test_a_service_that_dies_in_mid_build_ends_the_run_with_its_last_words(kontinuous: Run, repository: Path) -> None:
    done = kontinuous("run", repository, play="take_the_service_down")
    assert (done.returncode, done.stderr) == (3, "kontinuous: the disk is full\n")


def test_a_terminal_gets_a_status_line_and_colours(repository: Path) -> None:
    ours, theirs = pty.openpty()
    command = [*KONTINUOUS, "run", str(repository)]
    values = environment(TERM="xterm")
    with subprocess.Popen(command, env=values, stdin=theirs, stdout=theirs, stderr=theirs, process_group=0) as process:
        os.close(theirs)
        shown = b"".join(iter(lambda: read_terminal(ours), b""))
    os.close(ours)
    assert process.returncode == 0
    assert b"\r\x1b[K\x1b[1m==> Build Docker Image (docker_build)\x1b[0m\r\n" in shown
    assert b"\x1b[31mred\x1b[0m ok" in shown
    assert b"title" not in shown


def read_terminal(terminal: int) -> bytes:
    """What comes next; nothing once the other side closed, which Linux says with an error."""
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""


def test_a_service_left_behind_by_a_dead_process_is_replaced(
    kontinuous: Run, repository: Path, state_folder: Path
) -> None:
    (state_folder / "service.json").write_text(
        json.dumps({"url": "http://127.0.0.1:1", "token": "x", "pid": os.getpid()})
    )
    assert kontinuous("run", repository).returncode == 0


def test_the_example_runs_and_its_published_image_is_shown(
    kontinuous: Run, repository: Path, state_folder: Path
) -> None:
    repository.rename(state_folder / "example")
    (state_folder / "secrets.yml").write_text(SECRETS)
    done = kontinuous("example")
    assert done.returncode == 0
    assert f"hello: localhost:5001/hello@{DIGEST} answers\n" in done.stdout
    assert "wants the secret" not in done.stdout


def test_serve_becomes_the_service(kontinuous: Run) -> None:
    assert json.loads(kontinuous("serve", "--port", "3111").stdout) == {"served": ["--port", "3111"]}
