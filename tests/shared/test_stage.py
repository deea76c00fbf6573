"""The stage runtime in a process of its own, with a real etcd and a real S3 server."""

import json
from dataclasses import replace

import pytest

from shared.errors import EXIT_INFRASTRUCTURE, EXIT_INPUT, EXIT_USER
from shared.status import Fault, ReportStatus
from tests.shared.stage_harness import StageHarness


def test_a_stage_that_succeeds_reports_its_result_and_exits_0(stage: StageHarness) -> None:
    code, stdout, stderr = stage.run("silent")
    assert (code, stdout, stderr) == (0, b"", b"")
    report = stage.report
    assert report.status is ReportStatus.SUCCESS
    assert report.result == {"image": "path@sha256:1"}
    assert (report.reason, report.fault, report.exit_code, report.log_bytes) == ("", None, 0, 0)
    assert (report.work_began, report.warnings, report.github) == (False, (), "")
    assert report.started_at < report.finished_at
    assert 0 < report.timings["running"] <= report.timings["executed"] <= report.timings["archived"] < 10
    assert stage.archive == b""
    assert stage.chunks == []


def test_stdout_is_the_log_byte_for_byte_and_nothing_else(stage: StageHarness) -> None:
    _, stdout, stderr = stage.run("prints")
    assert stdout == b"first \xff\x00 line\nsecond"
    assert stage.archive == stdout
    assert stage.report.log_bytes == len(stdout)
    assert stderr == b"not the log's\nnor this\n" or set(stderr.splitlines()) == {b"not the log's", b"nor this"}


def test_the_users_failure_has_exit_code_1_and_its_own_exit_code_in_the_report(stage: StageHarness) -> None:
    stage.serve_repository()
    code, stdout, _ = stage.run("user_fails", "--clone")
    assert code == EXIT_USER
    report = stage.report
    assert (report.status, report.fault, report.exit_code) == (ReportStatus.FAIL, Fault.USER, 7)
    assert report.reason == "the command ended with exit code 7 "
    assert stdout.startswith(b"about to fail\n")
    assert b"the command ended with exit code 7" in stdout
    assert stage.archive == stdout


def test_wrong_input_has_exit_code_2(stage: StageHarness) -> None:
    code, stdout, _ = stage.run("bad_input")
    assert code == EXIT_INPUT
    assert (stage.report.fault, stage.report.reason) == (Fault.INPUT, "there is no Dockerfile")
    assert b"there is no Dockerfile" in stdout


def test_an_unexpected_exception_is_the_infrastructures_fault_with_its_traceback_in_the_log(
    stage: StageHarness,
) -> None:
    code, stdout, _ = stage.run("breaks")
    assert code == EXIT_INFRASTRUCTURE
    assert (stage.report.fault, stage.report.reason) == (Fault.INFRASTRUCTURE, "ZeroDivisionError: oh no")
    assert b"Traceback (most recent call last)" in stdout
    assert b'raise ZeroDivisionError("oh no")' in stdout
    assert stage.archive == stdout


def test_the_clone_is_there_when_it_is_asked_for(stage: StageHarness) -> None:
    stage.serve_repository()
    code, stdout, _ = stage.run("reads_the_clone", "--clone")
    assert (code, stage.report.result) == (0, {"text": "hello"}), stdout
    assert "workspace" in stage.report.timings


def test_a_commit_that_is_not_there_is_the_inputs_fault(stage: StageHarness) -> None:
    stage.serve_repository()
    stage.context = replace(stage.context, commit="1" * 40)
    code, _, _ = stage.run("reads_the_clone", "--clone")
    assert code == EXIT_INPUT
    assert f"commit {'1' * 40} is not in" in stage.report.reason


def test_an_attempt_that_another_pod_has_is_left_alone(stage: StageHarness) -> None:
    stage.run("silent")
    before, archived = stage.raw_report, stage.archive
    code, stdout, stderr = stage.run("prints")
    assert (code, stdout, stderr) == (0, b"", b"")
    assert stage.raw_report == before
    assert stage.archive == archived


def test_params_that_are_keys_of_a_secret_get_its_value(stage: StageHarness) -> None:
    stage.give_secret("first", "user", b"robot")
    stage.give_secret("first", "odd", b"\xfflatin")
    stage.give_secret("second", "user", b"other")
    params = {"username": "user", "strange": "odd", "plain": "user ", "list": ["user"], "number": 1}
    stage.context = replace(stage.context, params=params, secrets=("first", "second"))
    stage.run("shows_everything_it_was_given")
    report = stage.report
    # Values of secrets are masked in the result like everywhere.
    shown = {"username": "***", "strange": "***", "plain": "user ", "list": ["user"], "number": 1}
    assert report.result["params"] == shown
    assert any("key 'user' of secret 'second'" in text for text in report.warnings)


def test_no_secret_and_no_credential_appears_in_log_or_report(stage: StageHarness) -> None:
    values = {"password": b"correct horse battery", "key": b"-----BEGIN-----\nAAAABBBB\n-----END-----\n", "pin": b"123"}
    for key, value in values.items():
        stage.give_secret("mine", key, value)
    credentials = {"git-password": "git-Pa55", "registry-password": "registry-Pa55", "github-token": "ghp_abcdef"}
    for name, text in credentials.items():
        stage.give(name, text)
    stage.context = replace(stage.context, secrets=("mine",), params={"a": "password"})
    code, stdout, _ = stage.run("shows_everything_it_was_given")
    assert code == 0
    shown = stdout + stage.archive + json.dumps(stage.raw_report).encode()
    hidden = [b"correct horse battery", b"AAAABBBB", b"-----BEGIN", *map(str.encode, credentials.values())]
    hidden += [(stage.folder / "credentials" / name).read_bytes() for name in ("etcd-password", "s3-secret-key")]
    assert [value for value in hidden if value in shown] == []
    assert stage.report.result["params"] == {"a": "***"}
    assert stage.report.work_began
    assert "custom" in stage.report.timings


def test_a_value_too_short_to_be_masked_is_named_without_being_shown(stage: StageHarness) -> None:
    stage.give_secret("mine", "pin", b"1z3")
    stage.context = replace(stage.context, secrets=("mine",))
    _, stdout, _ = stage.run("silent")
    assert stage.report.warnings == ("the value of mine/pin is shorter than 4 bytes and is not masked",)
    assert b"warning: the value of mine/pin" in stdout
    assert b"1z3" not in stdout


def test_a_secret_that_is_not_there_is_named(stage: StageHarness) -> None:
    stage.context = replace(stage.context, secrets=("docker-credentials",))
    code, _, _ = stage.run("silent")
    assert code == EXIT_INPUT
    assert "docker-credentials" in stage.report.reason


@pytest.mark.parametrize("text", ["{", "{}", '{"version": 2}'])
def test_a_context_that_cannot_be_read_ends_the_stage_with_a_clear_word(stage: StageHarness, text: str) -> None:
    stage.context_text = text
    code, stdout, stderr = stage.run("silent")
    assert (code, stdout) == (EXIT_INPUT, b"")
    assert b"kontinuous: StageContext" in stderr


def test_an_address_of_etcd_that_is_none_ends_the_stage_with_a_clear_word(stage: StageHarness) -> None:
    stage.context = replace(stage.context, kv_address="etcd")
    code, stdout, stderr = stage.run("silent")
    assert (code, stdout) == (EXIT_INPUT, b"")
    assert b"kontinuous: 'etcd' is no address of etcd" in stderr


def test_a_scratch_folder_that_is_missing_is_the_infrastructures_fault(stage: StageHarness) -> None:
    (stage.folder / "scratch").rmdir()
    code, stdout, stderr = stage.run("silent")
    assert (code, stdout) == (EXIT_INFRASTRUCTURE, b"")
    assert b"kontinuous: FileNotFoundError" in stderr
