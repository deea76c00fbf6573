"""Routes of a pipeline's definition: read its file, and update it."""

from dataclasses import asdict
from typing import cast

from coordinator.api.auth import caller
from coordinator.api.callers import Callers
from coordinator.api.errors import JsonBottle
from coordinator.api.operation import Kind, Operation, Query
from coordinator.api.pipelines import PIPELINE
from coordinator.api.requests import read_body, text_query
from coordinator.definitions import Definition, Definitions
from coordinator.forge import FileChange
from shared import api_records
from shared.problems import PIPELINE_FILE, Problem

DEFINITION = f"{PIPELINE}/definition"
_REF = Query("ref", Kind.STRING, "of this branch, tag or commit; the default branch where it is not given")


def add_routes(app: JsonBottle, definitions: Definitions, callers: Callers) -> None:
    """Add the routes."""

    @app.get(DEFINITION, operation=Operation(query=(_REF,), errors=(422,)))
    def read_definition(host: str, owner: str, name: str) -> api_records.Definition:
        """Read a pipeline's file at a ref, with all that is wrong in it."""
        repository = callers.reading(host, owner, name)
        return _view(definitions.read(repository, text_query("ref"), caller().access_token))

    @app.put(DEFINITION, operation=Operation(body=api_records.NewDefinition, errors=(409, 422)))
    def update_definition(host: str, owner: str, name: str) -> api_records.DefinitionCommit:
        """Commit a pipeline's file to a branch, or propose it in a pull request; one that is wrong is refused."""
        repository = callers.writing(host, owner, name)
        body = read_body(api_records.NewDefinition)
        change = FileChange(
            path=PIPELINE_FILE,
            text=body["content"],
            message=body.get("message", f"Update {PIPELINE_FILE}"),
            branch=body.get("branch", ""),
            replaces=body.get("sha", ""),
        )
        done = definitions.update(repository, change, body.get("pull_request", False), caller().access_token)
        return cast(api_records.DefinitionCommit, asdict(done))


def _view(definition: Definition) -> api_records.Definition:
    findings = [*((p, False) for p in definition.problems), *((p, True) for p in definition.warnings)]
    return {
        "path": PIPELINE_FILE,
        "ref": definition.commit.ref,
        "commit": definition.commit.sha,
        "sha": definition.sha,
        "content": definition.text,
        "problems": [_problem(problem, warning) for problem, warning in sorted(findings)],
    }


def _problem(problem: Problem, warning: bool) -> api_records.FileProblem:
    return cast(api_records.FileProblem, {**asdict(problem), "warning": warning})
