"""The service on the stand-in for GitHub, its callers with tokens made by hand, and stages that speak to GitHub."""

import base64
from typing import Any

import requests

from coordinator.github import GitHub
from coordinator.github_oauth import GitHubOAuth
from shared import keys
from shared.github_status import CONTEXT, RUNNING, of_status
from shared.model import Repository
from shared.stage_status import StageStatus
from shared.status import Fault, ReportStatus, Status
from tests.coordinator.api.api_server import PIPELINE_FILE, PIPELINES, Server
from tests.coordinator.api.test_auth import by_hand
from tests.coordinator.samples import IMAGE
from tests.coordinator.world import PlayedStage
from tests.fakes.github import FakeGitHub
from tests.free_port import free_port
from tests.waiting import wait_for

AUTH_SECRET = bytes(range(100, 148))
TIMEOUTS_S = (1.0, 1.0)
UNIT_TEST = f"{CONTEXT}/unit-test"
BUILD = f"{CONTEXT}/build"


class FrontDoor:
    """A service on the stand-in, with one repository of its and callers with tokens of their own."""

    def __init__(self, github: FakeGitHub, with_intake: bool = False) -> None:
        self.github = github
        self.shop = github.add_repository(
            "Acme/shop", {".pipeline.yml": PIPELINE_FILE}, ann="admin", ben="push", cat="pull"
        )
        self.sha = self.shop.sha("refs/heads/main")
        self.tokens = {login: github.add_user(login) for login in ("ann", "ben", "cat", "eve")}
        port = free_port()
        self.server = Server(
            with_intake=with_intake,
            github=GitHub(github.url, TIMEOUTS_S),
            oauth=GitHubOAuth(github.url, github.oauth.client_id, github.oauth.client_secret, TIMEOUTS_S),
            github_url=github.url,
            auth_secret=AUTH_SECRET,
            port=port,
            kontinuous_url=f"http://127.0.0.1:{port}",
        )
        self.repository = Repository(github.host, "Acme", "shop")
        self.pipeline = f"{PIPELINES}/{self.repository}"
        self.builds = f"{self.pipeline}/builds"

    def ask(self, method: str, path: str, login: str = "ann", **options: Any) -> requests.Response:
        """One request with a token that the caller made by README's instructions."""
        return self.server.ask(method, path, headers=self.headers(login), **options)

    def headers(self, login: str = "ann") -> dict[str, str]:
        """The headers of a caller, or of a token that is nobody's."""
        return {"Authorization": f"Bearer {self.token(login)}"}

    def token(self, login: str) -> str:
        """The caller's token."""
        payload = {"identities": [{"access_token": self.tokens.get(login, login)}]}
        return by_hand(payload, auth_secret=base64.b64encode(AUTH_SECRET).decode())

    def create_pipeline(self, login: str = "ann", name: str = "Acme/shop") -> requests.Response:
        return self.ask("POST", PIPELINES, login, json={"repository": f"{self.github.host}/{name}"})

    def start(self, ref: str = "main", login: str = "ann") -> dict[str, Any]:
        answer = self.ask("POST", self.builds, login, json={"ref": ref})
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def wait_for_end(self, number: int = 1) -> dict[str, Any]:
        path = f"{self.builds}/{number}"
        return wait_for(lambda: b if (b := self.ask("GET", path).json()).get("finished_at") else None)

    def wait_for_states(self, sha: str = "", **states: str) -> None:
        def now() -> dict[str, str]:
            return {context: each["state"] for context, each in self.github.statuses(sha or self.sha).items()}

        wanted = {{"whole": CONTEXT, "build": BUILD, "test": UNIT_TEST}[name]: state for name, state in states.items()}
        wait_for(lambda: now() == wanted)


def token_of(stage: PlayedStage) -> str:
    """The token that a stage was given in its build's Secret."""
    secrets = stage.launcher.secrets[stage.ref]
    return str(secrets[0]["stringData"].get(keys.GITHUB_TOKEN, ""))


def report_like_a_stage(stage: PlayedStage, status: ReportStatus, fault: Fault | None = None, reason: str = "") -> None:
    """Do as `shared.stage` does: say on GitHub that the stage runs and how it ended, and what GitHub said to it."""
    said = StageStatus(stage.context, token_of(stage))
    said.say(RUNNING)
    said.say(of_status(Status(status.value), fault, reason))
    result = {"image": IMAGE} if stage.context.stage_type == "docker_build" else {}
    stage.end(status, github=said.answer(), result=result, fault=fault, reason=reason)


def succeed(stage: PlayedStage) -> None:
    report_like_a_stage(stage, ReportStatus.SUCCESS)


def fail(stage: PlayedStage) -> None:
    report_like_a_stage(stage, ReportStatus.FAIL, Fault.USER, "exit code 1")
