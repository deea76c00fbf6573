"""Every endpoint that the OpenAPI document has, with right, too little and missing rights."""

import base64
from collections.abc import Iterator

import pytest
import requests

from shared import keys
from shared.model import Commit
from tests.coordinator.api.endpoints import (
    ARTIFACT,
    ENDPOINTS,
    FINISHED,
    OTHER,
    RUNNING,
    SIGNATURE_HEADER,
    Endpoint,
    Needs,
)
from tests.coordinator.api.front_door import FrontDoor
from tests.coordinator.api.test_auth import by_hand
from tests.coordinator.samples import build, succeeded
from tests.fakes.github import FakeGitHub

NOBODY, FORGER, GITHUB = "nobody", "forger", "github"
NO_TOKEN = {NOBODY: 401, FORGER: 401}
REFUSED: dict[Needs, dict[str, int]] = {
    Needs.NOTHING: {},
    Needs.SIGNATURE: NO_TOKEN,
    Needs.TOKEN: NO_TOKEN,
    Needs.READ: {**NO_TOKEN, "eve": 404},
    Needs.WRITE: {**NO_TOKEN, "eve": 404, "cat": 403},
    Needs.ADMIN: {**NO_TOKEN, "eve": 404, "cat": 403, "ben": 403},
}
"""Ann administers the repositories, ben writes to them, cat reads them, eve knows nothing of them."""
ALLOWED = {
    Needs.NOTHING: NOBODY,
    Needs.SIGNATURE: GITHUB,
    Needs.TOKEN: "eve",
    Needs.READ: "cat",
    Needs.WRITE: "ben",
    Needs.ADMIN: "ann",
}
"""Who has just what is needed."""


class Furnished(FrontDoor):
    """A front door with a pipeline, a finished build of it with a log and an artifact, and a repository without any."""

    def __init__(self, github: FakeGitHub) -> None:
        super().__init__(github, with_intake=True)
        github.add_repository(OTHER, {"a": "b"}, ann="admin", ben="push", cat="pull")
        assert self.create_pipeline().ok
        self.server.world.store.create_build(
            self.repository,
            lambda number: succeeded(
                build(
                    number=number,
                    repository=self.repository,
                    commit=Commit(self.sha, "refs/heads/main"),
                    finished_at="2026-01-31T12:00:09.000Z",
                ),
                "build",
            ),
        )
        attempt = (self.repository, FINISHED, "build", 1)
        self.server.world.objects.put(keys.log_archive(keys.log_prefix(*attempt)), b"a log")
        self.server.world.objects.put(keys.artifacts_prefix(*attempt) + ARTIFACT, b"an artifact")

    def send(self, method: str, path: str, endpoint: Endpoint, caller: str) -> requests.Response:
        """The request of an endpoint's row, with what `caller` has in place of a token and a signature."""
        options = dict(endpoint.options(self))
        headers = dict(options.pop("headers", {}))
        if SIGNATURE_HEADER in headers and caller in (NOBODY, FORGER):
            headers[SIGNATURE_HEADER] = f"sha256={'0' * 64}" if caller == FORGER else ""
        headers |= self._authorization(caller)
        values = {
            "host": self.repository.host,
            "owner": self.repository.owner,
            "name": self.repository.name,
            "number": endpoint.build,
            "stage": "build",
            "path": ARTIFACT,
            "namespace": "acaleph",
        }
        return self.server.ask(method, path.format(**values), headers=headers, **options)

    def _authorization(self, caller: str) -> dict[str, str]:
        if caller in (NOBODY, GITHUB):
            return {}
        if caller == FORGER:
            secret = base64.b64encode(b"a secret of the forger's own, 48 bytes or more..").decode()
            return {"Authorization": f"Bearer {by_hand(auth_secret=secret)}"}
        return {"Authorization": f"Bearer {self.token(caller)}"}


@pytest.fixture
def furnished(github: FakeGitHub) -> Iterator[Furnished]:
    door = Furnished(github)
    yield door
    door.server.close()


def test_the_table_has_every_endpoint_of_the_document_and_no_other(furnished: Furnished) -> None:
    paths = furnished.server.ask("GET", "/api/v1/openapi.json", headers={}).json()["paths"]
    assert set(ENDPOINTS) == {(method.upper(), path) for path, methods in paths.items() for method in methods}


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_an_endpoint_is_for_whom_it_should_be(furnished: Furnished, method: str, path: str) -> None:
    endpoint = ENDPOINTS[method, path]
    if endpoint.build == RUNNING:
        assert furnished.start()["number"] == RUNNING
    for caller, status in REFUSED[endpoint.needs].items():
        answer = furnished.send(method, path, endpoint, caller)
        assert (caller, answer.status_code) == (caller, status)
        assert set(answer.json()) == {"code", "message", "details"}
    answer = furnished.send(method, path, endpoint, ALLOWED[endpoint.needs])
    assert answer.status_code == endpoint.status, answer.text
