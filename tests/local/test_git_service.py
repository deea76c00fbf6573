"""The git service: repositories of the state folder over HTTP, read only, with a password."""

import subprocess
from collections.abc import Mapping

import pytest

from local.engine import Engine
from local.home import Home
from local.services import Services

AUTHOR = ("-c", "user.name=a", "-c", "user.email=a@example.org")


@pytest.fixture
def repository(home: Home) -> str:
    """A repository with two commits; its first commit's SHA is on no branch tip."""
    path = home.git / "owner" / "hello.git"
    if not path.exists():
        subprocess.run(["git", "init", "-q", "--bare", str(path)], check=True)
        tree = git(path, "mktree", data="")
        commits = [git(path, *AUTHOR, "commit-tree", tree, "-m", message) for message in ("first", "second")]
        git(path, "update-ref", "refs/heads/main", commits[1])
    return git(path, "rev-parse", "main")


def git(path: object, *arguments: str, data: str | None = None) -> str:
    done = subprocess.run(["git", "-C", str(path), *arguments], input=data, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def in_a_container(engine: Engine, services: Services, image: str, script: str) -> tuple[int, str]:
    """Run a shell script in the base image on the services' network; returns its exit code and output."""
    with engine.client() as client:
        container = client.containers.create(image, ["-c", script], entrypoint="sh", network=services.network)
        try:
            container.start()
            return int(container.wait(timeout=60)["StatusCode"]), container.logs().decode()
        finally:
            container.remove(force=True)


def address(services: Services, password: str) -> str:
    return services.inside_git_url.replace("//", f"//{services.credentials.git_user}:{password}@") + "/owner/hello.git"


def test_a_commit_is_fetched_by_its_sha(
    engine: Engine, images: Mapping[str, str], services: Services, repository: str
) -> None:
    url = address(services, services.credentials.git_password)
    script = (
        f"cd /tmp && git init -q w && cd w && git fetch -q --depth=1 {url} {repository} && git rev-parse FETCH_HEAD"
    )
    assert in_a_container(engine, services, images["base"], script) == (0, f"{repository}\n")


def test_a_wrong_password_is_refused(
    engine: Engine, images: Mapping[str, str], services: Services, repository: str
) -> None:
    script = f"GIT_TERMINAL_PROMPT=0 git ls-remote {address(services, 'wrong')}"
    code, output = in_a_container(engine, services, images["base"], script)
    assert code == 128
    assert "Authentication failed" in output


def test_nothing_can_be_pushed(engine: Engine, images: Mapping[str, str], services: Services, repository: str) -> None:
    url = address(services, services.credentials.git_password)
    script = f"cd /tmp && git clone -q {url} w && cd w && git push -q origin origin/main:refs/heads/other"
    code, output = in_a_container(engine, services, images["base"], script)
    assert code != 0
    assert "403" in output
