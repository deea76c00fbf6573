"""Stage types of one's own, from a pipeline file to a report: the examples, on the one-machine service."""

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from local.engine import Engine
from local.home import Home
from local.images import ensure_images
from tests.e2e.journey import Kontinuous, kontinuous_of, repository, secrets_file, serving
from tests.git_server import commit, git
from tests.own_stages import CATALOGUE, FOLDER, build_images, catalogue

WRONG = "import subprocess\n\nsubprocess.call(input(), shell=True)\n"
SHELL_IMAGE = 'CMD ["sh", "-c", "pwd; ls; echo $WORD; echo token $TOKEN; test -n $TOKEN; exit ${CODE:-0}"]'


@pytest.fixture(scope="module")
def own(
    home: Home, engine: Engine, images: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kontinuous]:
    """The service with the catalogue of the examples, and a third type: a program of the base image alone."""
    program = ensure_images(engine, home.cache, print, ["program"])["program"]
    build_images(engine, program)
    scratch = tmp_path_factory.mktemp("own")
    (scratch / "Dockerfile").write_text(f"FROM {program}\n{SHELL_IMAGE}\n")
    with engine.client(timeout_s=240) as client:
        client.images.build(path=str(scratch), tag="kontinuous-test/shell:1", rm=True)
    kontinuous = kontinuous_of(scratch, home)
    text = json.dumps(catalogue(shell={"image": "kontinuous-test/shell:1"}))
    kontinuous.variables = {**kontinuous.variables, "STAGE_IMAGES": text}
    with serving(kontinuous):
        yield kontinuous
    kontinuous.close()


def test_the_examples_pass_and_with_a_flaw_the_scan_fails(own: Kontinuous, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(FOLDER, tmp_path / "checked"))
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, "As it is")
    linted = own("lint", folder / ".pipeline.yml", "--catalogue", CATALOGUE)
    assert (linted.exit_code, "no problems" in linted.screen) == (0, True), linted.screen
    done = own.run(folder)
    assert done.exit_code == 0, done.screen
    scan, marks = done.build["stages"]
    assert (scan["status"], scan["result"]["artifacts"][0]["path"]) == ("SUCCESS", "bandit.json")
    assert scan["result"]["findings"] >= 1  # scan.py itself starts a process, which bandit takes for a low risk
    assert b"scan/scan.py:" in own.log(done.build, "Scan")
    assert (marks["status"], 1 <= marks["result"]["todos"] <= 10) == ("SUCCESS", True)
    assert b"todos/work.go:" in own.log(done.build, "Marks")

    (folder / "wrong.py").write_text(WRONG)
    commit(folder, "Run whatever is typed")
    failed = own.run(folder)
    assert failed.exit_code == 1, failed.screen
    scan, marks = failed.build["stages"]
    assert (scan["status"], scan["fault"], marks["status"]) == ("FAIL", "user", "SKIPPED")
    assert "1 findings of level medium or higher" in scan["reason"]
    assert b"wrong.py:3: high: subprocess call with shell=True identified" in own.log(failed.build, "Scan")


def test_a_program_gets_its_params_and_secrets_as_variables(own: Kontinuous, tmp_path: Path) -> None:
    stage = {"name": "Say", "type": "shell", "params": {"WORD": "a $HOME b", "TOKEN": "the-token"}, "secrets": ["s"]}
    folder = repository(tmp_path / "say", stage, {**stage, "name": "Fail", "params": {"CODE": 7, "WORD": "bye"}})
    secrets = secrets_file(tmp_path / "secrets.yml", s={"the-token": "hush-hush-hush"})
    done = own.run(folder, "--secrets", secrets)
    assert done.exit_code == 1, done.screen
    assert own.log(done.build, "Say") == b"/workspace\na $HOME b\ntoken ***\n"
    failed = done.stage("Fail")
    assert (failed["fault"], failed["exit_code"], failed["reason"]) == ("user", 7, "the program exited with 7")
    assert b"hush-hush-hush" not in own.objects()


@pytest.mark.parametrize(
    ("stage", "problem"),
    [
        ({"name": "A", "type": "scna"}, '"scna" is no stage type; did you mean scan?'),
        ({"name": "A", "type": "todos", "params": {"most": "x"}}, "params.most: 'x' is not of type 'integer'"),
        (
            {"name": "A", "type": "shell", "params": {"PYTHONPATH": "/workspace"}},
            "would steer the stage's own programs",
        ),
    ],
)
def test_what_the_catalogue_does_not_allow_is_refused_at_its_line(
    own: Kontinuous, tmp_path: Path, stage: dict[str, object], problem: str
) -> None:
    folder = repository(tmp_path / "refused", stage)
    done = own("run", folder)
    assert done.exit_code == 2
    assert problem in done.screen
    assert ".pipeline.yml:" in done.screen
