"""Stages for the tests, each a process of its own: `python -m tests.shared.stage_program NAME FOLDER`."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from shared.errors import InputError, UserWorkFailed
from shared.json_value import Json
from shared.stage import Folders, run_stage
from shared.stage_run import StageRun

Result = Mapping[str, Json]


def silent(run: StageRun) -> Result:
    return {"image": "path@sha256:1"}


def prints(run: StageRun) -> Result:
    run.log.write(b"first \xff\x00 line\nsecond")
    print("not the log's")
    subprocess.run(["echo", "nor this"], check=True)
    return {}


def shows_everything_it_was_given(run: StageRun) -> Result:
    run.work_begins()
    run.mark("custom")
    values = [*run.secrets.values(), *map(str.encode, run.credentials.values())]
    run.log.write(b"\n".join(values) + b"\n")
    for value in values:
        run.log.write(value[:5])
        run.log.write(value[5:] + b"\n")
    text = " ".join(value.decode(errors="surrogateescape") for value in values)
    run.log.note(text)
    run.warn(text)
    return {"params": dict(run.params), text: [text]}


def reads_the_clone(run: StageRun) -> Result:
    return {"text": (run.workspace / "file").read_text()}


def user_fails(run: StageRun) -> Result:
    run.log.write(b"about to fail\n")
    (run.workspace / "kept.txt").write_text("kept")
    raise UserWorkFailed(f"the command ended with exit code 7 {run.secrets.get('password', b'').decode()}", 7)


def bad_input(run: StageRun) -> Result:
    raise InputError("there is no Dockerfile")


def breaks(run: StageRun) -> Result:
    raise ZeroDivisionError("oh no")


def waits_for_a_file(run: StageRun) -> Result:
    """Write a line about every 10 ms until `go` appears in the scratch folder."""
    number = 0
    (FOLDER / "working").touch()
    while not (FOLDER / "go").exists():
        run.log.write(b"line %06d\n" % number)
        number += 1
        time.sleep(0.01)
    return {"lines": number}


def waits_for_the_clone(run: StageRun) -> Result:
    (FOLDER / "waiting").touch()
    return {"path": str(run.workspace)}


def writes_without_end(run: StageRun) -> Result:
    number = 0
    while True:
        run.log.write(b"line %09d\n" % number)
        number += 1


def swallows_the_signal(run: StageRun) -> Result:
    for _ in range(2):
        try:
            (FOLDER / "waiting").touch()
            time.sleep(60)
        except Exception as error:
            run.log.note(f"swallowed {type(error).__name__}")
    return {}


def hundred_megabytes(run: StageRun) -> Result:
    block = b"".join(b"%062d\n\n" % n for n in range(1024))
    for _ in range(1600):
        run.log.write(block)
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return {"peak_kib": int(peak.split()[1])}


def six_megabytes_then_waits(run: StageRun) -> Result:
    run.log.write(bytes(range(256)) * 4096 * 6)
    return waits_for_a_file(run)


def fills_its_disk(run: StageRun) -> Result:
    """No file of this process may pass 1 MiB: to the spool that is the same as a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024 * 1024, 1024 * 1024))
    for _ in range(100):
        run.log.write(bytes(100_000))
    return {}


def makes_artifacts(run: StageRun) -> Result:
    root = run.workspace
    for path, text in {"dist/a.txt": "a", "dist/deep/b.bin": "bb", "report.xml": "<x/>", ".hidden/c": "ccc"}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    (root / "outside").symlink_to("/etc/passwd")
    (root / "inside").symlink_to("report.xml")
    (root / "up").symlink_to("/etc")
    os.mkfifo(root / "pipe.fifo")
    (root / "secret.bin").touch(mode=0o000)
    return {"x": 1}


FOLDER = Path(sys.argv[2]) if len(sys.argv) > 2 else Path()

if __name__ == "__main__":
    execute: Callable[[StageRun], Result] = globals()[sys.argv[1]]
    folders = Folders(*(FOLDER / name for name in ("workspace", "credentials", "secrets", "scratch")))
    run_stage(execute, clone="--clone" in sys.argv, folders=folders)
