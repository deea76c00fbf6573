"""Every command that README and docs/cli.md show, typed in their order as they stand there, with stand-ins for GitHub
and kubectl. Those of README on one machine are typed in tests/e2e/test_readme.py, with its real service."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest

from shared.errors import EXIT_INTERRUPTED
from shared.status import ReportStatus
from tests.cli.conftest import KONTINUOUS, ROOT, Run, environment, git
from tests.cli.elsewhere import SECRET, Elsewhere
from tests.cli.test_deploy import IMAGES, Kubectl
from tests.coordinator.api.front_door import FrontDoor, succeed
from tests.coordinator.world import PlayedStage
from tests.docs.commands import ONE_MACHINE, commands
from tests.fakes.github import FakeGitHub

LIMIT_S = 60


def play(stage: PlayedStage) -> None:
    """The first build keeps a file and succeeds, all others run until they are cancelled."""
    if stage.context.build > 1:
        stage.wait_for_cancel()
        stage.end(ReportStatus.INTERRUPTED, EXIT_INTERRUPTED)
        return
    stage.objects.put(f"{stage.context.artifacts_prefix}dist/app", b"app")
    succeed(stage)


class Walk:
    """A person at a terminal, with what the documents take for granted, who answers what they are asked."""

    def __init__(self, elsewhere: Elsewhere, kubectl: Kubectl, home: Path) -> None:
        self.elsewhere = elsewhere
        self.home = home
        self.token = elsewhere.door.tokens["ann"]
        for name, text in (
            ("github-token", self.token),
            ("token", elsewhere.door.token("ann")),
            ("images.yaml", IMAGES),
        ):
            (home / name).write_text(text)
        (home / ".config/fish/completions").mkdir(parents=True)
        (home / "Dockerfile").write_text("FROM scratch\n")
        git(home, "init", "--quiet")
        program = home / "bin/kontinuous"
        program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {" ".join(KONTINUOUS)} "$@"\n')
        program.chmod(0o755)
        self.environment = environment(HOME=str(home), **kubectl.variables) | {"XDG_CONFIG_HOME": str(home / ".config")}

    def type(self, line: str, **variables: str) -> None:
        """Type a line into bash, and fail unless it exits with 0."""
        door = self.elsewhere.door
        for shown in ("https://kontinuous.example.com", "http://127.0.0.1:3005"):
            line = line.replace(shown, door.server.url)
        for shown in ("github.com/acme/shop", "github.com/team-a/shop"):
            line = line.replace(shown, str(door.repository))
        values = self.environment | variables
        child = pexpect.spawn("bash", ["-c", line], cwd=self.home, env=values, encoding="utf-8", timeout=LIMIT_S)
        answers: dict[str, Callable[[], object]] = {
            r"enter the code (\S+)": lambda: door.github.oauth.enter(str(child.match[1]), "ann"),
            "AuthSecret of": lambda: child.sendline(SECRET),
            "GitHub token: ": lambda: child.sendline(self.token),
            r"\[y/N\] ": lambda: child.sendline("y"),
        }
        screen = ""
        while (found := child.expect([pexpect.EOF, *answers])) > 0:
            screen += f"{child.before}{child.after}"
            list(answers.values())[found - 1]()
        child.close()
        assert child.exitstatus == 0, f"{line}\n{screen}{child.before}"


@pytest.fixture
def walk(github: FakeGitHub, kontinuous: Run, tmp_path: Path) -> Iterator[Walk]:
    door = FrontDoor(github)
    door.server.world.plays["build"] = play
    door.server.world.play()
    yield Walk(Elsewhere(door, kontinuous), Kubectl(tmp_path / "bin"), tmp_path)
    door.server.close()


def test_the_page_of_the_command_line_can_be_followed(walk: Walk) -> None:
    sections = commands("docs/cli.md")
    for line in sections.pop("Which kontinuous, and as whom"):
        walk.type(line, **({"KONTINUOUS_AUTH_SECRET": SECRET} if "--github-token-stdin" in line else {}))
    walk.type("kontinuous login https://kontinuous.example.com")  # since the last of those was a logout
    for lines in sections.values():
        for line in lines:
            if line.startswith("kontinuous delete build"):
                walk.elsewhere.door.wait_for_end(2)
            walk.type(line)
    assert (walk.home / "downloads/dist/app").read_bytes() == b"app"
    assert "argcomplete" in (walk.home / ".config/fish/completions/kontinuous.fish").read_text().lower()
    assert not walk.elsewhere.door.server.world.problems


def test_readme_can_be_followed_on_a_cluster(walk: Walk) -> None:
    sections = commands("README.md")
    assert list(sections) == [ONE_MACHINE, "On a cluster"]
    for line in sections["On a cluster"]:
        walk.type(line, KONTINUOUS_AUTH_SECRET=SECRET)
    assert not walk.elsewhere.door.server.world.problems
