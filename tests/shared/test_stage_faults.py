"""The stage runtime when something is down, frozen, full, or tells it to stop."""

import re
import signal
import subprocess
import time
from dataclasses import replace

import pytest

from shared.errors import EXIT_INFRASTRUCTURE, EXIT_INTERRUPTED
from shared.keys import log_chunk_offset
from shared.status import Fault, ReportStatus
from tests.gate import Gate
from tests.shared.stage_harness import LIMIT_S, StageHarness, host_and_port
from tests.waiting import wait_for

STOP_WITHIN_S = 20


def end(process: "subprocess.Popen[bytes]") -> bytes:
    stdout, _ = process.communicate(timeout=LIMIT_S)
    return stdout


def test_s3_dead_in_mid_stage_costs_no_byte_of_the_log(stage: StageHarness) -> None:
    process = stage.start("waits_for_a_file")
    stage.wait_until_working()
    stage.s3.shut()
    stage.go()
    # It has ended its work when it tries in vain to archive the log.
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=1.5)
    stage.s3.open()
    stdout = end(process)
    assert (process.returncode, stage.report.status) == (0, ReportStatus.SUCCESS)
    assert stage.archive == stdout
    assert stage.report.log_bytes == len(stdout)


def test_etcd_dead_in_mid_stage_delays_only_the_report(stage: StageHarness) -> None:
    process = stage.start("waits_for_a_file")
    stage.wait_until_working()
    stage.etcd.shut()
    stage.go()
    wait_for(lambda: stage.objects.list(stage.context.log_prefix))
    assert stage.report.status is ReportStatus.RUNNING
    stage.etcd.open()
    stdout = end(process)
    assert (process.returncode, stage.report.status) == (0, ReportStatus.SUCCESS)
    assert stage.archive == stdout


def test_a_stage_that_finds_etcd_down_waits_for_it_and_says_so_once(stage: StageHarness) -> None:
    stage.etcd.shut()
    process = stage.start("silent")
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith(b"etcd at ")
    assert re.search(rb"; trying again for up to (30|2\d) s\n", line)
    stage.etcd.open()
    assert process.stdout.read() == b""
    assert process.wait(LIMIT_S) == 0
    assert stage.archive == line


def test_a_frozen_etcd_is_waited_for(stage: StageHarness) -> None:
    process = stage.start("waits_for_a_file")
    stage.wait_until_working()
    stage.etcd.freeze()
    stage.go()
    wait_for(lambda: stage.objects.list(stage.context.log_prefix))
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=4)  # longer than one call may take
    stage.etcd.thaw()
    end(process)
    assert (process.returncode, stage.report.status) == (0, ReportStatus.SUCCESS)


def test_s3_dead_for_longer_than_its_patience_is_a_failure_that_names_the_incomplete_log(stage: StageHarness) -> None:
    stage.context = replace(stage.context, patience_s=2)
    stage.s3.shut()
    code, _, _ = stage.run("prints")
    assert code == EXIT_INFRASTRUCTURE
    report = stage.report
    assert (report.status, report.fault) == (ReportStatus.FAIL, Fault.INFRASTRUCTURE)
    assert "the work succeeded, but the log is incomplete: 0 of 20 bytes were kept" in report.reason


def test_etcd_dead_for_longer_than_its_patience_ends_the_stage_with_3(stage: StageHarness) -> None:
    stage.context = replace(stage.context, patience_s=2)
    stage.etcd.shut()
    code, stdout, stderr = stage.run("silent")
    assert code == EXIT_INFRASTRUCTURE
    assert b"could not be reported: etcd at" in stderr
    assert b"does not answer" in stdout
    assert stage.objects.list(stage.context.log_prefix) == (), "it had no right to an attempt that it could not claim"


def test_a_refused_password_is_not_tried_again(stage: StageHarness) -> None:
    stage.give("etcd-password", "wrong-password")
    began = time.monotonic()
    code, _, stderr = stage.run("silent")
    assert code == EXIT_INFRASTRUCTURE
    assert b"answers INVALID_ARGUMENT" in stderr
    assert time.monotonic() - began < stage.context.patience_s / 2


@pytest.mark.parametrize("name", ["waits_for_a_file", "writes_without_end"])
def test_sigterm_is_reported_as_interrupted_with_the_whole_log(stage: StageHarness, name: str) -> None:
    process = stage.start(name)
    stage.wait_until_running()
    assert process.stdout is not None
    stdout = process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    stdout += process.stdout.read()
    process.wait(LIMIT_S)
    assert process.returncode == EXIT_INTERRUPTED
    assert (stage.report.status, stage.report.fault) == (ReportStatus.INTERRUPTED, None)
    assert stage.archive == stdout
    assert stage.report.log_bytes == len(stdout)


def test_sigterm_ends_the_wait_for_the_clone(stage: StageHarness) -> None:
    stage.serve_repository()
    gate = Gate(host_and_port(stage.context.clone_url))
    gate.freeze()
    stage.context = replace(stage.context, clone_url=f"http://{gate.address}/demo.git")
    process = stage.start("waits_for_the_clone", "--clone")
    wait_for(lambda: (stage.folder / "waiting").exists() and gate.connections)
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    end(process)
    assert stage.report.status is ReportStatus.INTERRUPTED
    assert time.monotonic() - began < STOP_WITHIN_S / 2


def test_sigterm_reaches_work_that_swallows_it(stage: StageHarness) -> None:
    process = stage.start("swallows_the_signal")
    wait_for(lambda: (stage.folder / "waiting").exists())
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    end(process)
    assert stage.report.status is ReportStatus.INTERRUPTED
    assert time.monotonic() - began < STOP_WITHIN_S


@pytest.mark.parametrize("how", ["shut", "freeze"])
def test_sigterm_ends_a_stage_in_time_although_its_stores_are_down(stage: StageHarness, how: str) -> None:
    process = stage.start("waits_for_a_file")
    stage.wait_until_working()
    for gate in (stage.etcd, stage.s3):
        getattr(gate, how)()
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    end(process)
    assert time.monotonic() - began < STOP_WITHIN_S
    assert process.returncode == EXIT_INFRASTRUCTURE


def test_sigterm_with_only_s3_down_is_reported_in_time(stage: StageHarness) -> None:
    process = stage.start("waits_for_a_file")
    stage.wait_until_working()
    stage.s3.freeze()
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    end(process)
    assert time.monotonic() - began < STOP_WITHIN_S
    assert stage.report.status is ReportStatus.INTERRUPTED
    assert "the log is incomplete" in stage.report.reason


def test_sigterm_after_the_work_leaves_its_outcome_and_hurries(stage: StageHarness) -> None:
    process = stage.start("waits_for_a_file")
    stage.wait_until_working()
    stage.s3.shut()
    stage.go()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=1.5)
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    end(process)
    assert time.monotonic() - began < STOP_WITHIN_S
    assert (stage.report.status, stage.report.fault) == (ReportStatus.FAIL, Fault.INFRASTRUCTURE)


def test_a_hundred_megabytes_of_log_need_no_memory(stage: StageHarness) -> None:
    process = stage.start("hundred_megabytes")
    assert process.stdout is not None
    received = 0
    while piece := process.stdout.read(1 << 20):
        received += len(piece)
    process.wait(LIMIT_S)
    report = stage.report
    assert process.returncode == 0
    assert received == report.log_bytes == 1600 * 1024 * 64
    assert [info.size for info in stage.objects.list(stage.context.log_prefix)] == [received]
    assert report.result["peak_kib"] < 120 * 1024


def test_a_long_stage_uploads_chunks_without_a_gap_and_removes_them_after_the_archive(stage: StageHarness) -> None:
    process = stage.start("six_megabytes_then_waits")
    keys = wait_for(lambda: stage.chunks if len(stage.chunks) > 1 else None, LIMIT_S)
    assert keys is not None
    offset, content = 0, b""
    for key in keys:
        assert log_chunk_offset(key) == offset
        chunk = stage.object(key)
        assert len(chunk) <= 4 * 1024 * 1024
        offset += len(chunk)
        content += chunk
    stage.go()
    stdout = end(process)
    assert stdout.startswith(content)
    assert stage.archive == stdout
    assert stage.chunks == []


def test_s3_down_while_chunks_are_due_is_said_once_and_the_archive_is_whole(stage: StageHarness) -> None:
    stage.s3.shut()
    process = stage.start("six_megabytes_then_waits")
    assert process.stdout is not None
    shown = b""
    while b"kept here until S3 is back" not in shown:
        shown += process.stdout.read1(1 << 20)  # type: ignore[attr-defined]
    stage.s3.open()
    wait_for(lambda: stage.chunks, LIMIT_S)
    stage.go()
    shown += end(process)
    assert shown.count(b"kept here until S3 is back") == 1
    assert stage.archive == shown


def test_a_full_disk_under_the_spool_is_a_clear_failure(stage: StageHarness) -> None:
    code, stdout, _ = stage.run("fills_its_disk")
    assert code == EXIT_INFRASTRUCTURE
    assert stage.report.fault is Fault.INFRASTRUCTURE
    assert "the log cannot be written to" in stage.report.reason
    assert stage.archive == stdout
    assert len(stdout) == stage.report.log_bytes == 1024 * 1024
