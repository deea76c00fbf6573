"""The stage type `command` around the hand-over: what it reads from its params, and what it makes of an exit code."""

from typing import Any

import pytest

from shared.errors import InputError, UserWorkFailed
from shared.process_end import describe
from shared.variables import variables
from stage_images.command.handoff import HandOff
from stage_images.command.stage import command_line, execute
from tests.stage_images.plain_pod import PlainPod
from tests.stage_images.stage_runs import Bench


def test_the_log_shows_the_command_and_its_output(bench: Bench, pod: PlainPod) -> None:
    run = bench.run({"command": ["/bin/echo"], "args": ["a b"]})
    with HandOff(pod.handoff) as handoff:
        pod.start_user("/bin/echo", "a b")
        assert execute(run, handoff) == {}
    assert bench.log == b"$ /bin/echo 'a b'\na b\n"
    assert run.work_began


def test_a_failing_command_is_the_users_fault_with_its_exit_code(bench: Bench, pod: PlainPod) -> None:
    run = bench.run({"command": ["sh"]})
    with HandOff(pod.handoff) as handoff:
        pod.start_user("/bin/sh", "-c", "exit 3")
        with pytest.raises(UserWorkFailed, match="the command exited with 3") as failed:
            execute(run, handoff)
    assert failed.value.work_exit_code == 3


def test_secrets_reach_the_command_and_not_the_log(bench: Bench, pod: PlainPod) -> None:
    run = bench.run({"command": ["sh"], "TOKEN": "the-key", "MODE": "fast"}, {"the-key": b"hush-hush"})
    with HandOff(pod.handoff) as handoff:
        pod.start_user("/bin/sh", "-c", 'test "$TOKEN $MODE" = "hush-hush fast" && echo "$TOKEN"')
        execute(run, handoff)
    assert bench.log.splitlines()[1] != b"hush-hush"


@pytest.mark.parametrize(
    "params",
    [{}, {"command": []}, {"command": "make test"}, {"command": ["make", 3]}, {"command": ["make"], "args": "x"}],
)
def test_a_command_that_is_no_list_of_texts_is_wrong_input(params: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"\[make, test\]"):
        command_line(params)


def test_values_that_are_no_texts_become_json() -> None:
    params = {"a": "x", "b": True, "c": 1.5, "d": ["é", {"k": None}], "e": "\udcff"}
    assert variables(params) == {"a": b"x", "b": b"true", "c": b"1.5", "d": '["é", {"k": null}]'.encode(), "e": b"\xff"}


@pytest.mark.parametrize(
    ("name", "value"), [("", "x"), ("a=b", "x"), ("a\0", "x"), ("a", "x\0y"), ("a", "x" * 128 * 1024)]
)
def test_what_no_process_can_be_given_is_wrong_input(name: str, value: str) -> None:
    with pytest.raises(InputError):
        variables({name: value})


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (1, "the command exited with 1"),
        (126, "cannot be executed"),
        (127, "was not found"),
        (137, "SIGKILL.*memory"),
        (143, "SIGTERM"),
        (255, "the command exited with 255"),
    ],
)
def test_an_exit_code_is_explained(code: int, words: str) -> None:
    assert words.split(".*")[0] in describe(code)
    assert words.split(".*")[-1] in describe(code)
    assert describe(code).startswith(f"the command exited with {code}")
