"""From a signed push to what GitHub shows, on one machine: real stages in containers, a stand-in for GitHub."""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest
import requests

from coordinator.api.auth import issue
from coordinator.github import GitHub
from coordinator.service import Service
from local.docker_launcher import DockerLauncher
from local.engine import Engine
from local.home import Home
from local.image_pull import RegistryLogin
from local.serve import make_settings
from local.services import Services
from shared.etcd_kv import EtcdKeyValue
from shared.github_status import CONTEXT
from shared.s3_objects import S3Objects
from tests.fakes import github_webhooks
from tests.fakes.github import FakeGitHub
from tests.fakes.github_repositories import FakeRepository
from tests.free_port import free_port
from tests.waiting import wait_for

EXAMPLE = Path(__file__).parents[2] / "examples" / "hello"
PIPELINE = """\
apiVersion: v1alpha1
kind: Pipeline
metadata: {name: hello, namespace: examples}
spec:
  template:
    stages:
      - {name: Build, type: docker_build}
      - {name: Unit Test, type: command, params: {command: [sh, -c, "echo tested; exit $(cat outcome)"]}}
"""
BUILD_S = 240
DRAIN_S = 40


class Journey:
    """A coordinator of this machine that serves repositories of the stand-in, which containers reach too."""

    def __init__(self, folder: Path, home: Home, engine: Engine, images: Mapping[str, str], services: Services) -> None:
        network = docker.DockerClient(base_url=engine.url).networks.get(services.network)
        self.github = FakeGitHub(folder, network.attrs["IPAM"]["Config"][0]["Gateway"])
        self.settings = replace(
            make_settings(home, engine, services, images, free_port()), github_url=self.github.url, resync_s=2.0
        )
        login = self.settings.registry_login
        self.launcher = DockerLauncher(
            engine.url, services.network, home.instance, RegistryLogin(services.registry, login.user, login.password)
        )
        etcd, s3 = self.settings.etcd_login, self.settings
        kv = EtcdKeyValue(self.settings.kv_address, user=etcd.user, password=etcd.password)
        objects = S3Objects(s3.s3_url, s3.s3_bucket, access_key=s3.s3_access_key, secret_key=s3.s3_secret_key)
        objects.make_bucket()
        source = GitHub(self.github.url)
        self.service = Service(self.settings, kv, objects, self.launcher, source, forge=source)
        self.thread = threading.Thread(target=self.service.run, daemon=True)
        self.thread.start()
        self.token = self.github.add_user("ann")

    def create_pipeline(self, name: str) -> FakeRepository:
        """A repository with the example in it, and a pipeline of it."""
        found = (path for path in EXAMPLE.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        files = {str(path.relative_to(EXAMPLE)): path.read_text() for path in found}
        files |= {".pipeline.yml": PIPELINE, "outcome": "0"}
        dockerfile = files["Dockerfile"].rstrip() + "\nCOPY outcome ./\n"
        repository = self.github.add_repository(name, files | {"Dockerfile": dockerfile}, ann="admin")
        body = {"repository": f"{self.github.host}/{name}"}
        answer = self.ask("POST", "", json=body)
        assert answer.status_code == 201, answer.text
        return repository

    def ask(self, method: str, path: str, **options: Any) -> requests.Response:
        """A request to the API, below the pipelines."""
        url = f"{self.settings.kontinuous_url}/api/v1/pipelines{path}"
        bearer = issue(self.settings.auth_secret, "ann", self.token)
        return requests.request(method, url, headers={"Authorization": f"Bearer {bearer}"}, timeout=30, **options)

    def push(self, repository: FakeRepository, files: dict[str, str]) -> str:
        """Push to main, and deliver that; returns the commit."""
        sha = repository.push(files)
        message = github_webhooks.push(repository, "refs/heads/main", "ann")
        assert [answer.status_code for answer in self.github.deliver(repository, message)] == [202]
        return sha

    def ended(self, name: str) -> dict[str, Any]:
        """The first build of a repository, once it has ended."""
        path = f"/{self.github.host}/{name}/builds/1"
        return wait_for(lambda: b if (b := self.ask("GET", path).json()).get("finished_at") else None, BUILD_S)

    def shown(self, sha: str) -> dict[str, tuple[str, str]]:
        """What GitHub shows of a commit: context → state and description."""
        return {name: (each["state"], each["description"]) for name, each in self.github.statuses(sha).items()}

    def close(self) -> None:
        self.service.drain("the test's end", DRAIN_S)
        self.service.stop()
        self.thread.join(DRAIN_S)
        self.launcher.close()
        self.github.close()


@pytest.fixture(scope="module")
def journey(
    tmp_path_factory: pytest.TempPathFactory,
    home: Home,
    engine: Engine,
    images: Mapping[str, str],
    services: Services,
) -> Iterator[Journey]:
    journey = Journey(tmp_path_factory.mktemp("github"), home, engine, images, services)
    yield journey
    journey.close()


def test_a_signed_push_is_built_and_github_shows_each_stage_and_the_whole(journey: Journey) -> None:
    repository = journey.create_pipeline("acme/hello")
    sha = journey.push(repository, {"news": "x"})
    build = journey.ended("acme/hello")
    assert build["status"] == "SUCCESS", build
    done = ("success", "succeeded")
    wanted = {CONTEXT: done, f"{CONTEXT}/build": done, f"{CONTEXT}/unit-test": done}
    wait_for(lambda: journey.shown(sha) == wanted)
    history = [(each["context"], each["state"]) for each in journey.github.history(sha)]
    assert len(history) == len(set(history)) == 6, "each is pending once, and then a success once"
    assert (build["commit"]["sha"], build["trigger"]) == (sha, {"source": "webhook", "actor": "ann"})
    assert any("/acme/hello.git/" in path for path in journey.github.clones), "the stages cloned it, with the token"


def test_a_failure_says_why_on_github_though_github_was_away(journey: Journey) -> None:
    repository = journey.create_pipeline("acme/failing")
    sha = journey.push(repository, {"outcome": "3"})
    wait_for(lambda: journey.shown(sha).get(f"{CONTEXT}/unit-test"), BUILD_S)
    journey.github.fail("POST /repos/{owner}/{repo}/statuses/{sha}", 502)
    journey.ended("acme/failing")
    journey.github.heal()
    failed = ("failure", "the command exited with 3")
    wanted = {
        CONTEXT: ("failure", f"Unit Test: {failed[1]}"),
        f"{CONTEXT}/build": ("success", "succeeded"),
        f"{CONTEXT}/unit-test": failed,
    }
    wait_for(lambda: all(state != "pending" for state, _ in journey.shown(sha).values()))
    assert journey.shown(sha) == wanted
