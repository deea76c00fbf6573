from pathlib import Path

from tests.cli.conftest import PIPELINE, Run


def test_a_good_file_is_said_to_be_good(kontinuous: Run, repository: Path) -> None:
    done = kontinuous("lint", cwd=repository)
    assert (done.returncode, done.stdout) == (0, ".pipeline.yml: no problems\n")


def test_every_problem_has_its_position_and_the_exit_code_is_2(kontinuous: Run, tmp_path: Path) -> None:
    text = PIPELINE.replace("docker_build", "docker_bild").replace("kind: Pipeline", "kind: Pipelin")
    (tmp_path / "a.yml").write_text(text)
    done = kontinuous("lint", "a.yml")
    assert done.returncode == 2
    assert [line.split(" ")[0] for line in done.stdout.splitlines()] == ["a.yml:2:7:", "a.yml:10:15:"]
