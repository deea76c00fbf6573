"""The stage type that runs the image's own program: what the program gets, and what is made of its end."""

import json
import os
import signal
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from shared.errors import InfrastructureError, InputError, UserWorkFailed
from stage_images.program.child import Child
from stage_images.program.stage import execute
from tests.stage_images.stage_runs import Bench
from tests.waiting import wait_for


def python(program: str) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(program)]


OUTCOME = """
    import json, os, sys
    open(os.environ["KONTINUOUS_OUTCOME"], "w").write(sys.argv[1])
    sys.exit(int(sys.argv[2]))
"""


def test_both_streams_are_the_log_and_the_clone_is_its_folder(bench: Bench) -> None:
    run = bench.run()
    assert execute(run, ["sh", "-c", "pwd; echo error >&2"]) == {}
    assert bench.log == f"{bench.workspace}\nerror\n".encode()
    assert run.work_began


def test_params_and_secrets_are_variables_and_our_own_python_is_left_out(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/opt/kontinuous")
    monkeypatch.setenv("KEPT", "kept")
    run = bench.run({"A": "the-key", "B": ["x"]}, {"the-key": b"hush-hush"})
    script = 'test "$A" = hush-hush && echo "$B $KEPT ${PYTHONPATH-none} $A"'
    execute(run, ["sh", "-c", script])
    assert bench.log == b'["x"] kept none ***\n'


@pytest.mark.parametrize("name", ["PATH", "LD_PRELOAD", "https_proxy", "SHELLOPTS", "OPENSSL_CONF"])
@pytest.mark.parametrize("kind", ["scan", "command", "docker_build"])
def test_no_param_steers_the_program_whatever_type_it_stands_for(bench: Bench, kind: str, name: str) -> None:
    run = bench.run({name: "/elsewhere"}, stage_type=kind)
    with pytest.raises(InputError, match=f"the param `{name}` would steer the stage's own programs; give it another"):
        execute(run, ["sh", "-c", "echo ran"])
    assert not run.work_began


@pytest.mark.parametrize(
    ("script", "code", "words"), [("exit 3", 3, "exited with 3"), ("kill -TERM $$", 143, "ended by SIGTERM")]
)
def test_a_program_that_fails_is_the_users_failure(bench: Bench, script: str, code: int, words: str) -> None:
    with pytest.raises(UserWorkFailed, match=words) as failed:
        execute(bench.run(), ["sh", "-c", script])
    assert failed.value.work_exit_code == code


def test_a_program_may_say_what_it_made_and_warn(bench: Bench) -> None:
    run = bench.run()
    outcome = json.dumps({"result": {"image": "a@sha256:b"}, "warnings": ["it is late"]})
    assert execute(run, [*python(OUTCOME), outcome, "0"]) == {"image": "a@sha256:b"}
    assert run.warnings == ["it is late"]


@pytest.mark.parametrize(
    ("outcome", "kind", "words"),
    [
        ({"reason": "two flaws"}, UserWorkFailed, "^two flaws$"),
        ({"reason": "no such level", "fault": "input"}, InputError, "^no such level$"),
        ({"fault": "infrastructure"}, InfrastructureError, "the program exited with 4"),
        ({"fault": "weather"}, InfrastructureError, "outcome that cannot be read: Outcome.fault"),
        ("[", InfrastructureError, "outcome that cannot be read"),
        ('{"reason": "' + "x" * 100_000 * 3 + '"}', InfrastructureError, "more than 262144 bytes"),
    ],
)
def test_a_program_may_say_why_it_failed_and_whose_fault_it_is(
    bench: Bench, outcome: object, kind: type[Exception], words: str
) -> None:
    file = bench.folder / "outcome"
    file.write_text(outcome if isinstance(outcome, str) else json.dumps(outcome))
    with pytest.raises(kind, match=words):
        execute(bench.run(), ["sh", "-c", f'cp {file} "$KONTINUOUS_OUTCOME"; exit 4'])


@pytest.mark.parametrize(("command", "words"), [([], "names no program"), (["no-such"], "cannot run 'no-such'")])
def test_an_image_without_its_program_is_the_operators_fault(bench: Bench, command: list[str], words: str) -> None:
    with pytest.raises(InfrastructureError, match=words):
        execute(bench.run(), command)


def test_what_a_program_leaves_behind_ends_with_it(bench: Bench) -> None:
    began = time.monotonic()
    execute(bench.run(), ["sh", "-c", "sleep 600 & echo $!"])
    assert time.monotonic() - began < 30
    assert not Path(f"/proc/{int(bench.log)}/cmdline").exists() or not is_running(int(bench.log))


def is_running(pid: int) -> bool:
    """Whether a process still does something: one that nobody has waited for is there, but dead."""
    return b"sleep" in Path(f"/proc/{pid}/cmdline").read_bytes()


def test_told_to_stop_it_passes_the_signal_on_and_keeps_the_last_words(tmp_path: Path) -> None:
    said: list[bytes] = []
    script = "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done"
    child = Child(["sh", "-c", script], tmp_path, {b"PATH": os.environ["PATH"].encode()})

    def interrupt() -> None:
        wait_for(lambda: b"ready" in b"".join(said), 20)
        os.kill(os.getpid(), signal.SIGUSR1)

    def told(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGUSR1, told)
    try:
        threading.Thread(target=interrupt, daemon=True).start()
        with pytest.raises(KeyboardInterrupt):
            child.run(said.append)
    finally:
        signal.signal(signal.SIGUSR1, before)
    lines = b"".join(said).splitlines()  # the shell may say that its sleep was ended, too
    assert (lines[0], lines[-1]) == (b"ready", b"bye")
