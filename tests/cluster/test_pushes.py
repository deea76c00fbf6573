"""From a signed push to what GitHub shows, on a real cluster with two coordinators."""

import base64
import hashlib
import hmac
import json
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import jwt
import pytest
import requests

from cli.client import Client
from cli.records import BuildName
from tests.cluster.builds import command, finish, pipeline_file, statuses
from tests.cluster.installation import PORT, USER, Installation
from tests.fakes import github_webhooks
from tests.fakes.github_repositories import FakeRepository
from tests.fakes.github_webhooks import Message
from tests.waiting import wait_for

pytestmark = pytest.mark.timeout(300, func_only=True)


def with_pipeline(installation: Installation, name: str, exit_code: int) -> tuple[FakeRepository, str]:
    """A repository with two stages and the webhook that its pipeline installed; and its name, host and all."""
    image = installation.base_image
    stages = (
        command("Checked Out", "test", "-f", "news", image=image),
        command("Told", "sh", "-c", f"echo the last words; exit {exit_code}", image=image),
    )
    full_name = f"acme/{name}"
    repository = installation.github.add_repository(full_name, {".pipeline.yml": pipeline_file(*stages)}, ada="admin")
    pipeline = f"{installation.github.host}/{full_name}"
    installation.client().create_pipeline(pipeline)
    return repository, pipeline


def deliver(url: str, repository: FakeRepository, message: Message, secret: str | None = None) -> requests.Response:
    """Send a message to the repository's hook, at an address by which this machine reaches a coordinator."""
    (hook,) = repository.hooks.values()
    path = urlsplit(hook["config"]["url"]).path
    return github_webhooks.send(message, url + path, hook["config"]["secret"] if secret is None else secret)


def push(repository: FakeRepository) -> tuple[str, Message]:
    sha = repository.push({"news": "of the day"})
    return sha, github_webhooks.push(repository, "refs/heads/main", USER)


@pytest.mark.parametrize(("exit_code", "state"), [(0, "success"), (3, "failure")])
def test_a_signed_push_is_built_and_github_shows_each_stage_and_the_whole(
    installation: Installation, exit_code: int, state: str
) -> None:
    repository, pipeline = with_pipeline(installation, f"pushed-{state}", exit_code)
    sha, message = push(repository)
    assert deliver(installation.url, repository, message).status_code == 202
    name = BuildName(pipeline, 1)
    client = installation.client()
    wait_for(lambda: client.builds(pipeline, 5), 30)
    build = finish(installation, name)
    assert (build["commit"]["sha"], build["trigger"]) == (sha, {"source": "webhook", "actor": USER})
    shown = {"kontinuous": state, "kontinuous/checked-out": "success", "kontinuous/told": state}
    wait_for(lambda: statuses(installation, sha) == shown, 30)
    history = [(each["context"], each["state"]) for each in installation.github.history(sha)]
    assert len(history) == len(set(history)) == 6, "each is pending once, and then ended once"


def test_a_push_that_reaches_both_coordinators_is_built_once(installation: Installation) -> None:
    repository, pipeline = with_pipeline(installation, "twice", 0)
    _, message = push(repository)
    urls = [f"http://{pod['status']['podIP']}:{PORT}" for pod in installation.coordinators()]
    assert len(urls) == 2
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda url: deliver(url, repository, message), urls * 4))
    assert {answer.status_code for answer in answers} == {202}
    wait_for(lambda: installation.client().builds(pipeline, 5), 30)
    finish(installation, BuildName(pipeline, 1))
    request = github_webhooks.pull_request("opened", 1, repository, repository, "main", USER)
    assert deliver(installation.url, repository, request).status_code == 202
    deletion = github_webhooks.deletion(repository, "refs/heads/gone", USER)
    assert deliver(installation.url, repository, deletion).status_code == 202
    marker = repository.push({"marker": "x"})
    last = github_webhooks.push(repository, "refs/heads/main", USER)
    assert deliver(installation.url, repository, last).status_code == 202
    builds = wait_for(lambda: found if len(found := installation.client().builds(pipeline, 9)) > 1 else None, 30)
    assert [(build["number"], build["commit"]["sha"] == marker) for build in builds] == [(2, True), (1, False)]


def test_a_forged_push_is_refused_and_starts_nothing(installation: Installation) -> None:
    repository, pipeline = with_pipeline(installation, "forged", 0)
    _, message = push(repository)
    refused = deliver(installation.url, repository, message, secret="a guess")
    assert (refused.status_code, refused.json()["code"]) == (401, "bad_signature")
    assert installation.client().builds(pipeline, 5) == []


def test_a_token_made_by_hand_as_the_readme_says_is_taken(installation: Installation) -> None:
    """Nothing but what README says: the parts in base64url, and HMAC-SHA256 with the decoded AuthSecret."""

    def part(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    header = part(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
    payload = part(json.dumps({"identities": [{"access_token": installation.token}]}).encode())
    secret = base64.b64decode(installation.secrets["AuthSecret"])
    signature = part(hmac.new(secret, f"{header}.{payload}".encode(), hashlib.sha256).digest())
    assert isinstance(Client(installation.url, f"{header}.{payload}.{signature}").pipelines(), list)
    forged = jwt.encode({"identities": [{"access_token": installation.token}]}, b"x" * 32, algorithm="HS256")
    answer = requests.get(
        f"{installation.url}/api/v1/pipelines", headers={"Authorization": f"Bearer {forged}"}, timeout=30
    )
    assert answer.status_code == 401
