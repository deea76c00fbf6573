"""The OpenAPI document that the routes make, and the service held against it by Schemathesis."""

import os
from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from coordinator.api.documents import SWAGGER
from tests.coordinator.api.api_server import PIPELINES, Server
from tests.coordinator.api.front_door import FrontDoor
from tests.coordinator.samples import REPOSITORY
from tests.fakes.github import FakeGitHub

EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "25"))


@pytest.fixture(scope="module")
def described() -> Iterator[Server]:
    """A service with one pipeline and one build of it, so that generated requests find something."""
    server = Server()
    server.start_build()
    yield server
    server.close()


def test_every_answer_to_generated_requests_is_as_the_document_says(described: Server) -> None:
    schema = schemathesis.openapi.from_dict(described.ask("GET", "/api/v1/openapi.json").json())
    operations = [result.ok() for result in schema.get_all_operations()]
    checked = [operation for operation in operations if not operation.path.endswith("/events")]
    assert len(checked) >= len(operations) - 1 > 5
    for operation in checked:
        _hold_against_the_document(operation, described)


@pytest.fixture(scope="module")
def on_github(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontDoor]:
    """A service with a pipeline on the stand-in for GitHub, which judges what becomes of requests there."""
    github = FakeGitHub(tmp_path_factory.mktemp("github"))
    door = FrontDoor(github)
    assert door.create_pipeline().status_code == 201
    yield door
    door.server.close()
    github.close()


@pytest.mark.parametrize("path", ["/login", "/login/device", "/login/device/token", "/repos", "/definition"])
def test_what_goes_on_to_github_is_as_both_documents_say(on_github: FrontDoor, path: str) -> None:
    schema = schemathesis.openapi.from_dict(on_github.ask("GET", "/api/v1/openapi.json").json())
    operations = [each.ok() for each in schema.include(path_regex=f"{path}$").get_all_operations()]
    assert operations
    for operation in operations:
        _hold_on_github(operation, on_github)


def _hold_on_github(operation: schemathesis.APIOperation, door: FrontDoor) -> None:
    place = {"host": door.github.host, "owner": "Acme", "name": "shop"}

    @given(case=operation.as_strategy())
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    def check(case: schemathesis.Case) -> None:
        case.path_parameters = place if case.path_parameters else {}
        case.call_and_validate(
            base_url=door.server.url,
            headers=door.headers(),
            # An update may be refused for what the file says; and what was wrong may have been the path.
            excluded_checks=[positive_data_acceptance, negative_data_rejection],
        )

    check()


def _hold_against_the_document(operation: schemathesis.APIOperation, described: Server) -> None:
    @given(case=operation.as_strategy())
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    def check(case: schemathesis.Case) -> None:
        if case.query:
            case.query.pop("follow", None)  # a stream, which tests of its own hold against the contract
        case.call_and_validate(base_url=described.url, headers=described.headers)

    check()


def test_the_document_is_valid_and_names_every_route(described: Server) -> None:
    document = described.ask("GET", "/api/v1/openapi.json", headers={}).json()
    OpenAPIV31SpecValidator(document).validate()
    named = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    assert ("POST", "/api/v1/pipelines/{host}/{owner}/{name}/builds") in named
    assert ("GET", "/healthz") in named
    assert document["paths"]["/healthz"]["get"]["security"] == []
    created = document["paths"]["/api/v1/pipelines"]["post"]["responses"]["201"]["content"]["application/json"]
    assert created == {"schema": {"$ref": "#/components/schemas/PipelineRecord"}}


def test_what_the_service_answers_fits_its_own_types(described: Server) -> None:
    import jsonschema

    document = described.ask("GET", "/api/v1/openapi.json").json()
    build = described.ask("GET", f"{PIPELINES}/{REPOSITORY}/builds/1").json()
    jsonschema.validate(build, {"$ref": "#/components/schemas/Build", "components": document["components"]})


@pytest.mark.parametrize("name", ["index.html", "swagger-ui-bundle.js", "swagger-ui.css", "start.js"])
def test_swagger_ui_comes_from_our_own_files(described: Server, name: str) -> None:
    answer = described.ask("GET", f"/apidocs/{name}", headers={})
    assert answer.content == (SWAGGER / name).read_bytes()
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]


def test_the_page_is_at_apidocs_and_nothing_else_is_served_there(described: Server) -> None:
    assert b"swagger-ui" in described.ask("GET", "/apidocs", headers={}).content
    answer = described.ask("GET", "/apidocs/..%2ferrors.py", headers={})
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"
