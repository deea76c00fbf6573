"""The whole service on a port of its own, over the fakes, as its callers see it."""

import threading
from collections.abc import Mapping
from typing import Any

import requests

from coordinator.github import GitHub
from coordinator.github_oauth import GitHubOAuth
from coordinator.service import Service
from local.free_ports import free_ports
from shared.errors import NotFound
from shared.model import Commit, Repository
from shared.ports import Access, RepositoryInfo
from tests.coordinator.samples import REPOSITORY, SHA, settings
from tests.coordinator.world import FlakyKeyValue, World

PIPELINES = "/api/v1/pipelines"
BUILDS = f"{PIPELINES}/{REPOSITORY}/builds"
PIPELINE_FILE = """\
apiVersion: v1alpha1
kind: Pipeline
metadata: {name: hello, namespace: acaleph}
spec:
  template:
    stages:
      - {name: Build, type: docker_build}
      - {name: Unit Test, type: command, params: {command: [make, test]}}
"""
TIMEOUT_S = 20


class FakeSource:
    """A SourceHost with the one repository of the samples."""

    def __init__(self) -> None:
        self.files = {".pipeline.yml": PIPELINE_FILE}

    def describe(self, repository: Repository, token: str) -> RepositoryInfo:
        self.clone_url(repository)
        return RepositoryInfo(repository, "main", Access.ADMIN)

    def login(self, token: str) -> str:
        return ""

    def commit(self, repository: Repository, ref: str, token: str) -> Commit:
        self.clone_url(repository)
        if ref not in ("main", SHA):
            raise NotFound(f"{repository} has no commit {ref!r}")
        return Commit(SHA, "refs/heads/main", "Ann <ann@example.com>", "first")

    def fork_base(self, repository: Repository, sha: str, token: str) -> str:
        return ""

    def read_file(self, repository: Repository, path: str, sha: str, token: str) -> str:
        if path not in self.files:
            raise NotFound(f"{repository} has no {path} at commit {sha[:10]}")
        return self.files[path]

    def clone_url(self, repository: Repository) -> str:
        if repository != REPOSITORY:
            raise NotFound(f"{repository} is not there")
        return "http://git/local/ab12/hello.git"


class FakeIntake:
    """Keeps what it is given, and gives it back. `failure` is raised instead."""

    def __init__(self) -> None:
        self.secrets: dict[tuple[str, str], Mapping[str, bytes]] = {}
        self.failure: Exception | None = None

    def put_secret(self, namespace: str, name: str, data: Mapping[str, bytes]) -> None:
        self.secrets[namespace, name] = data

    def read_secret(self, namespace: str, name: str) -> Mapping[str, bytes]:
        if self.failure is not None:
            raise self.failure
        if (namespace, name) not in self.secrets:
            raise NotFound(f"there is no Secret {name!r} in namespace {namespace!r}")
        return self.secrets[namespace, name]


class Server:
    """The service as its callers see it, and the world that it works in."""

    def __init__(
        self,
        with_intake: bool = True,
        github: GitHub | None = None,
        oauth: GitHubOAuth | None = None,
        **changes: Any,
    ) -> None:
        self.kv = FlakyKeyValue()
        self.world = World(kv=self.kv)
        self.source = FakeSource()
        self.intake = FakeIntake()
        self.settings = settings(**{"port": next(free_ports(20000)), "resync_s": 1.0, **changes})
        self.service = Service(
            self.settings,
            self.kv,
            self.world.objects,
            self.world.launcher,
            github or self.source,
            self.intake if with_intake else None,
            github,
            self.intake,
            oauth,
        )
        self.url = f"http://127.0.0.1:{self.service.port}"
        self.headers = {"Authorization": f"Bearer {self.service.token('ann')}"}
        self.thread = threading.Thread(target=self.service.run, daemon=True)
        self.thread.start()

    def ask(self, method: str, path: str, **options: Any) -> requests.Response:
        """One request, with a token unless other headers are given."""
        options.setdefault("headers", self.headers)
        return requests.request(method, self.url + path, timeout=TIMEOUT_S, **options)

    def start_pipeline(self) -> None:
        """A pipeline, unless it is there."""
        self.ask("POST", PIPELINES, json={"repository": str(REPOSITORY)})

    def start_build(self, **body: Any) -> dict[str, Any]:
        """A pipeline and a build of it."""
        self.start_pipeline()
        answer = self.ask("POST", BUILDS, json={"ref": "main", **body})
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def close(self) -> None:
        self.service.stop()
        self.thread.join(TIMEOUT_S)
        self.world.close()
