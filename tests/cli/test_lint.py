import json
from pathlib import Path

from tests.cli.conftest import PIPELINE, Run
from tests.fakes.api_server import TOKEN, ApiServer


def test_a_good_file_is_said_to_be_good(kontinuous: Run, repository: Path) -> None:
    done = kontinuous("lint", cwd=repository)
    assert (done.returncode, done.stdout) == (0, ".pipeline.yml: no problems\n")


def test_every_problem_has_its_position_and_the_exit_code_is_2(kontinuous: Run, tmp_path: Path) -> None:
    text = PIPELINE.replace("docker_build", "docker_bild").replace("kind: Pipeline", "kind: Pipelin")
    (tmp_path / "a.yml").write_text(text)
    done = kontinuous("lint", "a.yml")
    assert done.returncode == 2
    assert [line.split(" ")[0] for line in done.stdout.splitlines()] == ["a.yml:2:7:", "a.yml:10:15:"]


OWN = PIPELINE.replace("docker_build", "scan\n        params: {level: mid}")
CATALOGUE = {"scan": {"image": "scan:1", "params": {"properties": {"level": {"enum": ["low", "high"]}}}}}
PROBLEM = "a.yml:11:25: spec.template.stages[0].params.level: 'mid' is not one of ['low', 'high']"


def test_a_catalogue_is_read_from_a_file(kontinuous: Run, tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(OWN)
    (tmp_path / "types.json").write_text(json.dumps(CATALOGUE))
    done = kontinuous("lint", "a.yml", "--catalogue", "types.json")
    assert (done.returncode, done.stdout.splitlines()) == (2, [PROBLEM])
    (tmp_path / "types.json").write_text('{"scan": {"parms": {}}}')
    wrong = kontinuous("lint", "a.yml", "--catalogue", "types.json")
    assert wrong.returncode == 2
    assert "types.json: scan: unknown field 'parms'" in wrong.stderr
    assert "no-such: cannot be read" in kontinuous("lint", "a.yml", "--catalogue", "no-such").stderr


def test_the_catalogue_of_this_machines_service_is_the_variables(kontinuous: Run, tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(OWN)
    assert kontinuous("lint", "a.yml", STAGE_IMAGES=json.dumps(CATALOGUE)).stdout.splitlines() == [PROBLEM]
    assert '"scan" is no stage type' in kontinuous("lint", "a.yml").stdout


def test_a_schema_that_cannot_be_used_is_a_problem_of_the_stage(kontinuous: Run, tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(OWN)
    endless = {"scan": {"image": "scan:1", "params": {"properties": {"level": {"$ref": "#/properties/level"}}}}}
    (tmp_path / "types.json").write_text(json.dumps(endless))
    done = kontinuous("lint", "a.yml", "--catalogue", "types.json")
    problem = "the JSON Schema of its type cannot be used: a reference leads to itself without an end"
    assert done.stdout.splitlines() == [f"a.yml:11:17: spec.template.stages[0].params: {problem}"]
    assert (done.returncode, done.stderr) == (2, "")


def test_the_server_that_the_environment_names_is_asked(kontinuous: Run, tmp_path: Path, api: ApiServer) -> None:
    (tmp_path / "a.yml").write_text(OWN)
    api.stage_types = [{"type": "scan", **CATALOGUE["scan"], "description": "", "built_in": False}]
    done = kontinuous("lint", "a.yml", KONTINUOUS_URL=api.url, KONTINUOUS_TOKEN=TOKEN)
    assert (done.returncode, done.stdout.splitlines()) == (2, [PROBLEM])


def test_a_server_that_does_not_answer_leaves_the_built_in_types(kontinuous: Run, repository: Path) -> None:
    done = kontinuous("lint", cwd=repository, KONTINUOUS_URL="http://127.0.0.1:9", KONTINUOUS_TOKEN="x")
    assert (done.returncode, done.stdout) == (0, ".pipeline.yml: no problems\n")
    assert "only the built-in stage types are known" in done.stderr


def test_a_server_that_there_is_no_token_for_leaves_the_built_in_types(kontinuous: Run, repository: Path) -> None:
    done = kontinuous("lint", cwd=repository, KONTINUOUS_URL="http://127.0.0.1:9")
    assert (done.returncode, done.stdout) == (0, ".pipeline.yml: no problems\n")
    assert "only the built-in stage types are known: there is no token" in done.stderr
