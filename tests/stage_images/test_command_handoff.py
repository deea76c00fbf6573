"""The hand-over between the stage and the user's container, both sides real, as plain processes."""

import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from shared.errors import InfrastructureError, Interrupted
from stage_images.command.handoff import HandOff, Relay
from tests.stage_images.plain_pod import PlainPod

ALL_BYTES = bytes(range(256))
SHOW_ENVIRONMENT = "import os, sys; os.write(1, b'\\0'.join(k + b'=' + v for k, v in os.environb.items()))"
SHOW_ARGUMENTS = "import os, sys; os.write(1, b'\\0'.join(map(os.fsencode, sys.argv[1:])))"


def run(
    pod: PlainPod, *command: str | bytes | Path, params: Mapping[str, bytes] | None = None, **fields: object
) -> tuple[int, bytes]:
    """Run a command through both sides: its exit code and output."""
    output = bytearray()
    with HandOff(pod.handoff) as handoff:
        user = pod.start_user(*command, **fields)
        code = handoff.start(params or {}).run(output.extend)
    assert user.wait(10) == code
    return code, bytes(output)


def sh(script: str) -> tuple[str, str, str]:
    return "/bin/sh", "-c", script


@pytest.mark.parametrize("code", [0, 1, 3, 126, 255])
def test_the_exit_code_is_the_commands_own(pod: PlainPod, code: int) -> None:
    assert run(pod, *sh(f"exit {code}")) == (code, b"")


def test_a_command_that_a_signal_ends_has_128_and_the_signal(pod: PlainPod) -> None:
    assert run(pod, *sh("kill -9 $$"))[0] == 137


def test_stdout_and_stderr_come_in_the_order_they_were_written(pod: PlainPod) -> None:
    assert run(pod, *sh("echo 1; echo 2 >&2; echo 3"))[1] == b"1\n2\n3\n"


def test_any_byte_of_the_output_survives(pod: PlainPod) -> None:
    assert run(pod, sys.executable, "-c", "import os; os.write(1, bytes(range(256)))")[1] == ALL_BYTES


def test_a_command_may_open_its_stdout_anew(pod: PlainPod) -> None:
    assert run(pod, *sh("echo anew >/dev/stdout"))[1] == b"anew\n"


@pytest.mark.parametrize(
    "arguments",
    [
        [b""],
        [b"-n", b"--", b"-"],
        [b"a b", b"$HOME", b"`x`", b"'", b'"', b"\\", b"*"],
        [b"\n\n"],
        [ALL_BYTES[1:]],
        [b"A=b"],
    ],
)
def test_arguments_arrive_byte_for_byte(pod: PlainPod, arguments: list[bytes]) -> None:
    assert run(pod, sys.executable, "-c", SHOW_ARGUMENTS, *arguments) == (0, b"\0".join(arguments))


def environment(pod: PlainPod, **fields: Mapping[str, bytes]) -> dict[bytes, bytes]:
    code, output = run(pod, sys.executable, "-c", SHOW_ENVIRONMENT, **fields)
    assert code == 0, output
    return dict(pair.split(b"=", 1) for pair in output.split(b"\0"))


def test_params_of_any_name_and_value_become_variables(pod: PlainPod) -> None:
    params = {
        "PLAIN": b"x",
        "a-name.with dots": b"it's",
        "every": ALL_BYTES[1:],
        "empty": b"",
        "lines": b"\na\n\n",
        "ümlaut": b"\xff",
    }
    found = environment(pod, env={}, params=params)
    assert found.items() >= {name.encode(): value for name, value in params.items()}.items()


def test_the_images_own_variables_are_all_there_and_no_others(pod: PlainPod) -> None:
    own = {
        b"PATH": b"/bin",
        b"my.setting": b"it's\n",
        b"b-c": b"",
        b"LINES": b"a\nPATH=b",
        b"ODD": ALL_BYTES[1:],
        b"IFS": b"x",
    }
    assert environment(pod, env=own) == {**own, b"LC_CTYPE": b"C.UTF-8"}  # which Python sets for itself


def test_a_param_overrides_the_images_variable(pod: PlainPod) -> None:
    assert environment(pod, env={"A": "image"}, params={"A": b"param"})[b"A"] == b"param"


def test_the_params_file_is_gone_before_the_command_runs(pod: PlainPod) -> None:
    code, output = run(pod, *sh(f"ls {pod.handoff}/pipes"), params={"PASSWORD": b"secret"})
    assert (code, output.split()) == (0, [b"exit", b"go", b"output", b"pid"])


def test_the_command_gets_no_descriptor_of_ours(pod: PlainPod) -> None:
    assert (
        run(pod, sys.executable, "-c", "import os; print(os.listdir('/proc/self/fd'))")[1] == b"['0', '1', '2', '3']\n"
    )


def test_the_command_handles_every_signal_as_in_a_fresh_container(pod: PlainPod) -> None:
    show = ["/bin/grep", "-E", "Sig(Ign|Blk)", "/proc/self/status"]
    plain = subprocess.run(show, capture_output=True, check=True).stdout  # what this very process passes on
    assert run(pod, *show)[1] == plain


class TestWhichProgramRuns:
    """PATH is the image's; busybox' own programs of the same names do not count."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        folder = tmp_path / "bin"
        folder.mkdir()
        return folder

    def program(self, path: Path, script: str = 'echo mine "$0"', mode: int = 0o755) -> None:
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(mode)

    @pytest.mark.parametrize("name", ["ls", "sh", "my-tool"])
    def test_the_images_program_of_any_name(self, pod: PlainPod, folder: Path, name: str) -> None:
        self.program(folder / name)
        assert run(pod, name, env={"PATH": f"/nowhere:{folder}:/bin"}) == (0, f"mine {folder / name}\n".encode())

    def test_a_param_may_change_the_path(self, pod: PlainPod, folder: Path) -> None:
        self.program(folder / "ls")
        assert run(pod, "ls", params={"PATH": os.fsencode(folder)})[1] == f"mine {folder}/ls\n".encode()

    @pytest.mark.parametrize("name", ["ls", "[", "no-such-tool", "/no/such/tool", "./tool", "", "a=b", "/a=b/c"])
    def test_one_that_is_not_there_gives_127_and_is_named(self, pod: PlainPod, folder: Path, name: str) -> None:
        code, output = run(pod, name, env={"PATH": str(folder)})
        assert (code, name.encode() in output) == (127, True)

    @pytest.mark.parametrize("name", ["my-tool", "./my-tool"])
    def test_one_that_cannot_be_executed_gives_126(self, pod: PlainPod, folder: Path, name: str) -> None:
        self.program(folder / "my-tool", mode=0o644)
        os.chdir(folder)
        assert run(pod, name, env={"PATH": str(folder)})[0] == 126

    def test_a_path_with_an_equals_sign_is_no_variable(self, pod: PlainPod, folder: Path) -> None:
        self.program(folder / "a=b")
        assert run(pod, folder / "a=b") == (0, f"mine {folder}/a=b\n".encode())

    def test_no_builtin_of_a_shell_answers(self, pod: PlainPod, folder: Path) -> None:
        assert run(pod, "exit", "5", env={"PATH": str(folder)})[0] == 127


def test_a_background_child_is_not_waited_for(pod: PlainPod) -> None:
    assert run(pod, *sh("sleep 100 & echo done")) == (0, b"done\n")


def test_a_background_child_that_writes_for_ever_is_not_waited_for(pod: PlainPod) -> None:
    code, output = run(pod, *sh("yes & sleep 0.3; exit 4"))
    assert (code, output[:4]) == (4, b"y\ny\n")


def test_a_command_that_closes_its_output_is_waited_for(pod: PlainPod) -> None:
    assert run(pod, *sh("exec >&- 2>&-; sleep 0.3; exit 6")) == (6, b"")


def test_a_line_is_visible_while_the_command_still_runs(pod: PlainPod, tmp_path: Path) -> None:
    def see(data: bytes) -> None:
        (tmp_path / "seen").touch()

    with HandOff(pod.handoff) as handoff:
        pod.start_user(*sh(f"echo now; until [ -e {tmp_path}/seen ]; do sleep 0.05; done"))
        assert handoff.start({}).run(see) == 0


def test_100_mb_come_whole_in_constant_memory(pod: PlainPod) -> None:
    size = 0

    def count(data: bytes) -> None:
        nonlocal size
        size += len(data)

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with HandOff(pod.handoff) as handoff:
        pod.start_user("/usr/bin/head", "-c", "100000000", "/dev/zero")
        assert handoff.start({}).run(count) == 0
    assert size == 100_000_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 8 * 1024


def interrupt(relay: Relay, when: bytes) -> bytes:
    """Relay until `when` was seen, then be interrupted as the runtime does it; all that was relayed."""
    output = bytearray()

    def write(data: bytes) -> None:
        output.extend(data)
        if when in data:
            raise Interrupted("stop")

    with pytest.raises(Interrupted):
        relay.run(write)
    return bytes(output)


def test_an_interrupted_stage_tells_the_command_and_keeps_its_last_words(pod: PlainPod) -> None:
    with HandOff(pod.handoff) as handoff:
        user = pod.start_user(*sh("trap 'echo bye; exit 9' TERM; echo ready; while :; do sleep 0.1; done"))
        output = interrupt(handoff.start({}), b"ready")
        assert user.wait(10) == 9
    assert output == b"ready\nbye\n"


def test_the_pods_own_sigterm_does_not_end_the_users_side_before_the_command(pod: PlainPod) -> None:
    with HandOff(pod.handoff) as handoff:
        user = pod.start_user(*sh("trap 'sleep 0.3; echo bye; exit 9' TERM; echo ready; while :; do sleep 0.1; done"))
        relay = handoff.start({})
        output = bytearray()

        def write(data: bytes) -> None:
            output.extend(data)
            if b"ready" in data:
                user.send_signal(signal.SIGTERM)
                raise Interrupted("stop")

        with pytest.raises(Interrupted):
            relay.run(write)
        assert (user.wait(10), bytes(output)) == (9, b"ready\nbye\n")


def test_a_stage_that_fails_while_the_command_runs_ends_it(pod: PlainPod) -> None:
    def write(data: bytes) -> None:
        raise InfrastructureError("the disk is full")

    def fail() -> None:
        with HandOff(pod.handoff) as handoff:
            users.append(pod.start_user(*sh("echo ready; exec sleep 100")))
            handoff.start({}).run(write)

    users: list[subprocess.Popen[bytes]] = []
    with pytest.raises(InfrastructureError, match="disk"):
        fail()
    assert users[0].wait(10) == 143


class TestAStageThatNeverSaysGo:
    """The user's container must not wait for ever."""

    def test_a_waiting_users_side_ends(self, pod: PlainPod) -> None:
        with HandOff(pod.handoff):
            user = pod.start_user("/bin/echo", "never")
        assert user.wait(10) == 143

    def test_a_users_side_that_comes_later_ends(self, pod: PlainPod) -> None:
        with HandOff(pod.handoff):
            pass
        assert pod.start_user("/bin/echo", "never").wait(10) == 143

    def test_without_a_prepared_folder_there_is_nobody_to_tell(self, tmp_path: Path) -> None:
        with HandOff(tmp_path / "missing"):
            pass


def test_a_users_container_that_was_killed_left_no_exit_code(pod: PlainPod) -> None:
    with HandOff(pod.handoff) as handoff:
        user = pod.start_user(*sh("echo ready; exec sleep 100"))

        def kill(data: bytes) -> None:
            os.killpg(user.pid, signal.SIGKILL)

        with pytest.raises(InfrastructureError, match="without an exit code"):
            handoff.start({}).run(kill)


def test_the_stage_waits_for_the_hook_that_prepares(tmp_path: Path, busybox: Path) -> None:
    pod = PlainPod(tmp_path, busybox)
    hook = threading.Timer(0.2, pod.prepare)
    output = bytearray()
    with HandOff(pod.handoff) as handoff:
        hook.start()
        relay = handoff.start({})
        hook.join()
        pod.start_user("/bin/echo", "hello")
        assert relay.run(output.extend) == 0
    assert output == b"hello\n"
    pod.end()


def test_a_hook_that_never_ran_is_named(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match="postStart"), HandOff(tmp_path, prepared_within_s=0.05) as handoff:
        handoff.start({})


def test_the_pipes_are_for_processes_of_any_user(pod: PlainPod) -> None:
    modes: Callable[[str], int] = lambda name: (pod.handoff / name).stat().st_mode & 0o7777  # noqa: E731
    assert [modes(name) for name in ("pipes/go", "pipes/output", "pipes/exit")] == [0o666] * 3
    assert (modes("pipes"), modes("busybox")) == (0o777, 0o755)


def test_a_command_whose_container_never_took_the_word_has_not_begun(pod: PlainPod) -> None:
    def interrupt_us(*_: object) -> None:
        raise Interrupted("stop")

    before = signal.signal(signal.SIGALRM, interrupt_us)
    try:
        with HandOff(pod.handoff) as handoff:
            relay = handoff.start({})
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            with pytest.raises(Interrupted):
                relay.run(lambda data: None)
            assert relay.never_began
    finally:
        signal.signal(signal.SIGALRM, before)
