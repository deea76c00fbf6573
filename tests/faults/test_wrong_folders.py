"""Folders, files and secrets that are not as they must be: said at once, before anything is started."""

from pathlib import Path

from tests.e2e.journey import Done, Kontinuous, command, python, repository, secrets_file
from tests.git_server import git


def assert_refused(done: Done, *words: str) -> None:
    assert done.exit_code == 2, done.screen
    assert "services: " not in done.screen
    for word in words:
        assert word in done.screen, done.screen


def test_a_folder_without_git_is_refused(alone: Kontinuous, tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    assert_refused(alone("run", folder), str(folder), "this is not a git folder", "git init")


def test_a_folder_without_a_commit_is_refused(alone: Kontinuous, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    git(folder, "init", "--quiet")
    assert_refused(alone("run", folder), str(folder), "there is no commit yet", "git commit")


def test_a_folder_without_a_pipeline_is_refused(alone: Kontinuous, tmp_path: Path) -> None:
    folder = repository(tmp_path / "none", command("Nothing", "true"))
    git(folder, "rm", "--quiet", ".pipeline.yml")
    git(folder, "-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "--quiet", "--message", "without")
    assert_refused(alone("run", folder), str(folder), "there is no .pipeline.yml at HEAD")


def test_a_stage_type_that_does_not_exist_is_refused_with_the_nearest_one(alone: Kontinuous, tmp_path: Path) -> None:
    folder = repository(tmp_path / "type", {"name": "Ship", "type": "docker_publsh"})
    assert_refused(alone("run", folder), ".pipeline.yml:", "docker_publsh", "docker_publish")


def test_a_secret_that_nobody_gave_fails_the_stage_by_its_name(served: Kontinuous, tmp_path: Path) -> None:
    stage = python("Use", "import os; print(os.environ['TOKEN'])", params={"TOKEN": "token"}, secrets=["nobody-gave"])
    folder = repository(tmp_path / "secret", stage)
    done = served.run(folder, limit_s=60)
    assert done.exit_code == 1, done.screen
    assert "stage 'Use' wants the secret 'nobody-gave', which no --secrets file holds" in done.screen
    assert done.stage("Use")["fault"] == "input"
    assert "nobody-gave" in done.stage("Use")["reason"]
    secrets = secrets_file(tmp_path / "secrets.yml", nobody_gave={"token": "opensesame"})
    assert served.run(folder, "--secrets", secrets).exit_code == 0
