"""A repository of another shape: a compiled service, FROM scratch, and a command with an image of its own."""

import shutil
from pathlib import Path

from tests.e2e.journey import ROOT, Kontinuous
from tests.git_server import commit, git


def test_the_compiled_example_passes_and_with_a_broken_promise_fails(served: Kontinuous, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(ROOT / "examples/compiled", tmp_path / "roman"))
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, "As it is")
    done = served.run(folder)
    assert done.exit_code == 0, done.screen
    assert [stage["status"] for stage in done.build["stages"]] == ["SUCCESS"] * 3
    assert b" 0 failures" in served.log(done.build, "Self-Test").replace(b"\n", b" ")

    promise = folder / "api.json"
    promise.write_text(promise.read_text().replace('"MCMXCIV"', '"MCMXCVI"'))
    commit(folder, "Promise a wrong numeral")
    failed = served("run", folder)
    assert failed.exit_code == 1, failed.screen
    assert "API Contract failed: " in failed.screen
    tail = failed.screen.partition("The last lines of its log:")[2]
    assert "    FAIL  api.json says that 1994 is MCMXCVI, but MCMXCVI is 1996" in tail


def test_a_failed_unit_test_skips_the_stages_behind_it_and_shows_its_last_lines(
    served: Kontinuous, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(ROOT / "examples/hello", tmp_path / "hello"))
    greeting = folder / "greeting.py"
    greeting.write_text(greeting.read_text().replace("Hello", "Hullo"))
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, "Break the greeting")
    done = served("run", folder)
    assert done.exit_code == 1, done.screen
    tail = done.screen.partition("The last lines of its log:")[2]
    assert "FAILED (failures=" in tail
    assert [done.status(name) for name in ("Build Docker Image", "Unit Test", "Publish")] == [
        "SUCCESS",
        "FAIL",
        "SKIPPED",
    ]
