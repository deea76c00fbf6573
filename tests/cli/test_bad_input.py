from pathlib import Path

import pytest

from tests.cli.conftest import PIPELINE, Run, commit_all, git


def refusal(kontinuous: Run, *arguments: object) -> str:
    """What `kontinuous run` says when it refuses: one line on stderr, exit code 2, and nothing was started."""
    done = kontinuous("run", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_no_such_folder(kontinuous: Run, tmp_path: Path) -> None:
    assert "there is no such folder" in refusal(kontinuous, tmp_path / "nowhere")


def test_a_file_in_the_place_of_a_folder(kontinuous: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "this is not a folder" in refusal(kontinuous, tmp_path / "file")


def test_a_folder_without_git(kontinuous: Run, tmp_path: Path) -> None:
    assert "this is not a git folder; run `git init`" in refusal(kontinuous, tmp_path)


def test_a_repository_without_a_commit(kontinuous: Run, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    assert "there is no commit yet; run `git add --all`" in refusal(kontinuous, tmp_path)


def test_a_commit_without_a_pipeline(kontinuous: Run, repository: Path) -> None:
    (repository / ".pipeline.yml").rename(repository / "other.yml")
    commit_all(repository)
    assert "there is no .pipeline.yml at HEAD" in refusal(kontinuous, repository)
    assert "there is no .pipeline.yml; write one" in refusal(kontinuous, repository, "--dirty")


def test_a_pipeline_that_is_not_committed(kontinuous: Run, repository: Path) -> None:
    (repository / ".pipeline.yml").rename(repository / "other.yml")
    commit_all(repository)
    (repository / ".pipeline.yml").write_text(PIPELINE)
    assert ".pipeline.yml is not committed yet; commit it, or run with --dirty" in refusal(kontinuous, repository)


def test_an_unknown_stage_type_is_named_with_its_position(kontinuous: Run, repository: Path) -> None:
    (repository / ".pipeline.yml").write_text(PIPELINE.replace("docker_build", "docker_bild"))
    commit_all(repository)
    said = refusal(kontinuous, repository)
    assert said.startswith("kontinuous: .pipeline.yml:10:15: ")
    assert "docker_build" in said


def test_an_unknown_ref(kontinuous: Run, repository: Path) -> None:
    assert "there is no branch, tag or commit 'nope'" in refusal(kontinuous, repository, "--ref", "nope")


def test_a_ref_that_looks_like_an_option(kontinuous: Run, repository: Path) -> None:
    assert "there is no branch, tag or commit '--all'" in refusal(kontinuous, repository, "--ref=--all")


def test_a_ref_and_dirty(kontinuous: Run, repository: Path) -> None:
    assert "give one of the two" in refusal(kontinuous, repository, "--ref", "main", "--dirty")


def test_a_missing_secrets_file(kontinuous: Run, repository: Path) -> None:
    assert "nope.yml: there is no such file" in refusal(kontinuous, repository, "--secrets", "nope.yml")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "arguments are required: COMMAND"),
        (("rnu",), "invalid choice: 'rnu'"),
        (("run", "--nope"), "unrecognized arguments: --nope"),
        (("logs", "x/3"), "'x/3' names no build"),
        (("logs", "3"), "not a git repository"),
        (("get", "stages"), "`get stages` wants a BUILD"),
        (("get", "builds", "--limit", "0"), "'0' is not a whole number from 1 on"),
        (("serve", "--port", "99999"), "'99999' is not a whole number from 1 to 65535"),
        (("serve", "--port", "0"), "argument --port: '0' is not"),
        (("serve", "--port", "http"), "'http' is not a whole number"),
        (("artifacts", "list", "3", "--stage", "x", "--attempt", "0"), "argument --attempt: '0' is not"),
        (("logs", "3", "--stage", "x", "--attempt=-1"), "argument --attempt: '-1' is not"),
        (("lint", "nope.yml"), "nope.yml: cannot be read: No such file or directory"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_exit_code_2(
    kontinuous: Run, arguments: tuple[str, ...], said: str
) -> None:
    done = kontinuous(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
