"""Artifacts: what the globs name is kept, and nothing from outside of the workspace."""

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from shared.artifacts import MOST_LISTED_BYTES, Unkept, find_artifacts, keep_artifacts, opened_inside
from shared.errors import EXIT_USER
from shared.status import ReportStatus
from tests.shared.stage_harness import LIMIT_S, StageHarness
from tests.waiting import wait_for


def kept(stage: StageHarness) -> list[str]:
    prefix = stage.context.artifacts_prefix
    return [info.key.removeprefix(prefix) for info in stage.objects.list(prefix)]


def test_files_and_folders_are_kept_under_their_paths_and_listed(stage: StageHarness) -> None:
    stage.serve_repository()
    stage.context = replace(stage.context, artifacts=("dist", "*.xml", "**/c", "nothing/*"))
    code, _, _ = stage.run("makes_artifacts", "--clone")
    assert code == 0
    assert kept(stage) == [".hidden/c", "dist/a.txt", "dist/deep/b.bin", "report.xml"]
    assert stage.object(stage.context.artifacts_prefix + "dist/deep/b.bin") == b"bb"
    assert stage.report.result == {
        "x": 1,
        "artifacts": [
            {"path": "dist/a.txt", "bytes": 1},
            {"path": "dist/deep/b.bin", "bytes": 2},
            {"path": "report.xml", "bytes": 4},
            {"path": ".hidden/c", "bytes": 3},
        ],
    }
    assert stage.report.warnings == ("no file matches the artifact 'nothing/*'",)


def test_what_leads_out_of_the_workspace_or_is_no_file_is_named_and_not_kept(stage: StageHarness) -> None:
    stage.serve_repository()
    globs = ("outside", "inside", "up/passwd", "../served/demo.git/HEAD", "/etc/passwd", "*.fifo")
    stage.context = replace(stage.context, artifacts=globs)
    code, _, _ = stage.run("makes_artifacts", "--clone")
    assert code == 0
    assert kept(stage) == ["inside"]
    warnings = " ".join(stage.report.warnings)
    for path in ("outside", "up/passwd", "../served/demo.git/HEAD", "/etc/passwd"):
        assert f"'{path}' leads out of the workspace" in warnings
    assert "'pipe.fifo' is not a regular file" in warnings


def test_artifacts_of_failed_work_are_kept_too(stage: StageHarness) -> None:
    stage.serve_repository()
    stage.context = replace(stage.context, artifacts=("kept.txt",))
    code, _, _ = stage.run("user_fails", "--clone")
    assert (code, stage.report.status) == (EXIT_USER, ReportStatus.FAIL)
    assert stage.report.result == {"artifacts": [{"path": "kept.txt", "bytes": 4}]}


def test_artifacts_that_cannot_be_kept_make_success_a_failure_of_the_infrastructure(stage: StageHarness) -> None:
    stage.serve_repository()
    stage.context = replace(stage.context, artifacts=("file",), patience_s=1)
    stage.s3.shut()
    stage.run("silent", "--clone")
    assert "the artifacts could not be kept: S3 at" in stage.report.reason


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "closed").touch(mode=0)
    with pytest.raises(Unkept, match="'closed' cannot be read: Permission denied"), opened_inside(tmp_path, "closed"):
        pass


def test_a_file_that_vanishes_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unkept, match="cannot be read: No such file"), opened_inside(tmp_path, "gone"):
        pass


@pytest.mark.parametrize("name", ["shot at 9.41.05\u202fAM.png", "👩\u200d💻", "a\xa0b"])
def test_spaces_of_all_kinds_and_what_joins_emoji_are_kept(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with opened_inside(tmp_path, name) as path:
        assert path.read_text() == "mine"


@pytest.mark.parametrize("name", ["a\nb", "latin-\udcff", "\x85", "\uffff"])
def test_a_name_that_makes_no_object_key_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(Unkept, match="a name that cannot be kept"), opened_inside(tmp_path, name):
        pass


def test_what_was_opened_stays_what_it_was_when_the_name_is_exchanged(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("mine")
    with opened_inside(tmp_path, "a") as path:
        (tmp_path / "a").unlink()
        (tmp_path / "a").symlink_to("/etc/passwd")
        assert path.read_text() == "mine"


def test_the_repositorys_own_data_is_no_artifact(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/config").touch()
    (tmp_path / "a").touch()
    assert find_artifacts(tmp_path, ("**",)) == (["a"], [])


def test_a_report_lists_only_so_many_artifacts_but_all_are_kept(tmp_path: Path) -> None:
    for number in range(2000):
        (tmp_path / f"{number:050d}").touch()
    put: list[str] = []
    warnings: list[str] = []
    listed = keep_artifacts(tmp_path, ("*",), "p/", lambda key, _: put.append(key), warnings.append)
    assert len(put) == 2000
    assert 0 < len(listed) * 50 < MOST_LISTED_BYTES
    assert warnings == [f"2000 artifacts are kept; the report lists the first {len(listed)}"]


def test_folders_that_lead_to_each_other_are_not_followed(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "report.xml").touch()
    for name in ("a", "b", "c"):
        for other in ("a", "b", "c"):
            (tmp_path / name / f"to-{other}").symlink_to(f"../{other}")
    (tmp_path / "linked.xml").symlink_to("a/report.xml")
    found = ["a/report.xml", "b/report.xml", "c/report.xml", "linked.xml"]
    assert find_artifacts(tmp_path, ("**/*.xml",)) == (found, [])
    assert find_artifacts(tmp_path, ("**/**/report.xml",)) == (found[:3], [])
    assert find_artifacts(tmp_path, ("/".join(["**"] * 40) + "/*.xml",)) == (found, [])
    assert find_artifacts(tmp_path, ("a/to-b/*.xml",)) == (["a/to-b/report.xml"], [])


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("dist", ["dist/a.txt", "dist/deep/b.bin"]),
        ("dist/", ["dist/a.txt", "dist/deep/b.bin"]),
        ("./dist//*.txt", ["dist/a.txt"]),
        ("*", ["dist/a.txt", "dist/deep/b.bin", "x[1].xml"]),
        ("x*.xml/", []),
        ("x[[]1].xml", ["x[1].xml"]),
        ("**/b.*", ["dist/deep/b.bin"]),
        ("dist/**", ["dist/a.txt", "dist/deep/b.bin"]),
        ("dist/**/deep/*", ["dist/deep/b.bin"]),
        ("dist/a.txt/**/x", []),
        ("nothing/**", []),
    ],
)
def test_what_a_glob_names(tmp_path: Path, pattern: str, found: list[str]) -> None:
    (tmp_path / "dist/deep").mkdir(parents=True)
    for name in ("dist/a.txt", "dist/deep/b.bin", "x[1].xml"):
        (tmp_path / name).touch()
    assert find_artifacts(tmp_path, (pattern,)) == (found, [] if found else [pattern])


def test_told_to_stop_while_artifacts_are_kept_the_work_has_ended_as_it_did(stage: StageHarness) -> None:
    stage.serve_repository()
    stage.context = replace(stage.context, artifacts=("kept.txt",))
    stage.s3.freeze()
    process = stage.start("user_fails", "--clone")
    wait_for(lambda: stage.s3.connections)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=LIMIT_S)
    assert (stage.report.status, stage.report.exit_code) == (ReportStatus.FAIL, 7)
    assert any("told to stop while it kept artifacts" in warning for warning in stage.report.warnings)
