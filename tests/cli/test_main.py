import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.__main__ import main
from cli.program import LocalProgram
from tests.cli.conftest import ROOT

HEAVY = {"requests", "urllib.request", "yaml", "subprocess", "docker", "kubernetes", "etcd3", "minio", "asyncio"}


def test_the_version_is_the_projects(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith("kontinuous 0.")


def test_help_imports_nothing_heavy() -> None:
    code = "import sys; from cli.arguments import parse\ntry: parse(['--help'])\nexcept SystemExit: print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert "exit codes: 0 success" in done.stdout
    assert not HEAVY & set(done.stdout.split())


def test_an_internal_error_is_one_line_unless_the_traceback_is_wanted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".pipeline.yml").write_text("x")
    monkeypatch.setattr("cli.lint.lint_text", lambda *_: 1 / 0)
    command = ["lint", str(tmp_path / ".pipeline.yml")]
    assert main(command, LocalProgram()) == 3
    assert capsys.readouterr().err.startswith("kontinuous: internal error: ZeroDivisionError: division by zero;")
    monkeypatch.setitem(os.environ, "KONTINUOUS_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        main(command, LocalProgram())
