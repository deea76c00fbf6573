"""A kontinuous elsewhere, on a stand-in for GitHub, and the command line that talks to it as a user of GitHub does."""

import base64
import subprocess
from typing import Any

from tests.cli.conftest import Run
from tests.coordinator.api.front_door import AUTH_SECRET, FrontDoor

SECRET = base64.b64encode(AUTH_SECRET).decode()


class Elsewhere:
    """The front door, with a pipeline of `Acme/shop`, and the command line of somebody who is logged in there."""

    def __init__(self, door: FrontDoor, run: Run) -> None:
        self.door = door
        self.run = run
        self.repository = str(door.repository)

    def __call__(self, *arguments: object, login: str = "ann", **options: Any) -> "subprocess.CompletedProcess[str]":
        """Run a command as this user, with a token made of AuthSecret and theirs."""
        return self.run(*arguments, **{**self.variables(login), **options})

    def variables(self, login: str = "ann") -> dict[str, str]:
        """What makes the command line talk to it."""
        token = self.door.tokens[login]
        return {"KONTINUOUS_URL": self.door.server.url, "KONTINUOUS_AUTH_SECRET": SECRET, "GITHUB_TOKEN": token}

    def build(self) -> str:
        """Start a build and wait for its end; its name."""
        number = self.door.start()["number"]
        self.door.wait_for_end(number)
        return f"{self.repository}/{number}"


def words(done: "subprocess.CompletedProcess[str]") -> tuple[int, str, str]:
    """What a command ended with, and what it said on stdout and on stderr."""
    return done.returncode, done.stdout, done.stderr
