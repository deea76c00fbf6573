"""A pipeline's definition: read at a ref with its problems, committed to a branch, or proposed in a pull request."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.coordinator.api.api_server import PIPELINE_FILE, PIPELINES, Server
from tests.coordinator.api.front_door import FrontDoor
from tests.coordinator.api.test_api import error_of
from tests.coordinator.samples import REPOSITORY, SHA
from tests.fakes.github import FakeGitHub

PATH = ".pipeline.yml"
NEW_FILE = PIPELINE_FILE.replace("Unit Test", "Tests") + "# ü\n"
WRONG_FILE = PIPELINE_FILE.replace("docker_build", "docker_bild").replace("[make, test]", "7")
REFS = "POST /repos/{owner}/{repo}/git/refs"
CONTENTS = "PUT /repos/{owner}/{repo}/contents/{path}"
PULLS = "POST /repos/{owner}/{repo}/pulls"


class Defined(FrontDoor):
    """A front door whose repository has a pipeline."""

    def __init__(self, github: FakeGitHub) -> None:
        super().__init__(github)
        self.path = f"{self.pipeline}/definition"
        assert self.create_pipeline().status_code == 201

    def read(self, ref: str = "", login: str = "cat") -> dict[str, Any]:
        answer = self.ask("GET", self.path, login, params={"ref": ref})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def put(self, login: str = "ben", **body: Any) -> requests.Response:
        """Update the file as it is now, unless another `sha` is given."""
        given = {"content": NEW_FILE, "sha": self.shop.blob(PATH, "refs/heads/main"), **body}
        return self.ask("PUT", self.path, login, json={k: v for k, v in given.items() if v is not None})

    def file(self, branch: str = "main") -> str:
        return (self.shop.file(PATH, f"refs/heads/{branch}") or b"").decode()


@pytest.fixture
def defined(github: FakeGitHub) -> Iterator[Defined]:
    defined = Defined(github)
    yield defined
    defined.server.close()


def test_the_file_of_the_default_branch_is_read(defined: Defined) -> None:
    assert defined.read() == {
        "path": PATH,
        "ref": "refs/heads/main",
        "commit": defined.sha,
        "sha": defined.shop.blob(PATH, defined.sha),
        "content": PIPELINE_FILE,
        "problems": [],
    }


def test_the_file_of_any_ref_is_read(defined: Defined) -> None:
    sha = defined.shop.push({PATH: NEW_FILE}, "feature/ü")
    defined.shop.tag("v1", sha)
    for ref in ("feature/ü", "refs/heads/feature/ü", "v1", sha, sha[:8]):
        assert (defined.read(ref)["content"], defined.read(ref)["commit"]) == (NEW_FILE, sha)
    error_of(defined.ask("GET", f"{defined.path}?ref=nope"), 404, "not_found")
    error_of(defined.ask("GET", f"{defined.path}?ref=%ff"), 400, "bad_query")


@pytest.mark.parametrize("ref", ["a\nb", "a b", "a?b#c", "%2e%2e", "..", "/", "\x00", "ü" * 300])
def test_a_name_that_no_branch_can_have_is_not_found(defined: Defined, ref: str) -> None:
    error_of(defined.ask("GET", defined.path, params={"ref": ref}), 404, "not_found")
    error_of(defined.put(branch=ref), 404, "not_found")


def test_all_that_is_wrong_in_a_file_is_said_with_its_place(defined: Defined) -> None:
    defined.shop.push({PATH: WRONG_FILE})
    problems = defined.read()["problems"]
    assert [(each["line"], each["field"], each["warning"]) for each in problems] == [
        (7, "spec.template.stages[0].type", False),
        (8, "spec.template.stages[1].params.command", False),
    ]
    assert all(each["column"] > 1 and each["message"] for each in problems)


def test_a_warning_is_marked_as_one(defined: Defined) -> None:
    labels = "  selector: {matchLabels: {app: x}}\n  template:\n    metadata: {labels: {app: y}}\n"
    defined.shop.push({PATH: PIPELINE_FILE.replace("  template:\n", labels)})
    assert [each["warning"] for each in defined.read()["problems"]] == [True]


def test_what_only_a_build_would_be_refused_for_is_a_problem_too(defined: Defined) -> None:
    defined.shop.push({PATH: PIPELINE_FILE.replace("      - {name: Build, type: docker_build}\n", "")})
    (problem,) = defined.read()["problems"]
    assert (problem["line"], problem["field"], problem["warning"]) == (1, "file", False)
    assert "needs an image" in problem["message"]


def test_a_file_that_is_not_there_is_not_found(defined: Defined) -> None:
    defined.github.add_repository("acme/bare", {"a": "b"}, ann="admin")
    defined.create_pipeline(name="acme/bare")
    path = f"{PIPELINES}/{defined.github.host}/acme/bare/definition"
    assert PATH in error_of(defined.ask("GET", path), 404, "not_found")
    made = defined.ask("PUT", path, json={"content": NEW_FILE})
    assert made.status_code == 200, made.text
    assert defined.ask("GET", path).json()["sha"] == made.json()["sha"]


def test_a_file_that_is_no_text_is_refused(defined: Defined) -> None:
    (defined.shop.work / PATH).write_bytes(b"\xff")
    defined.shop.push({})
    assert "not UTF-8" in error_of(defined.ask("GET", defined.path), 422, "input")


def test_without_a_pipeline_there_is_no_definition(defined: Defined) -> None:
    defined.github.add_repository("acme/other", {PATH: PIPELINE_FILE}, ann="admin")
    path = f"{PIPELINES}/{defined.github.host}/acme/other/definition"
    for method in ("GET", "PUT"):
        answer = defined.ask(method, path, json={"content": NEW_FILE} if method == "PUT" else None)
        assert "create it first" in error_of(answer, 404, "not_found")


def test_who_may_read_reads_and_who_may_write_updates(defined: Defined) -> None:
    for login, reading, writing in (("eve", 404, 404), ("cat", 200, 403), ("ben", 200, 200), ("ann", 200, 422)):
        assert defined.ask("GET", defined.path, login).status_code == reading
        assert defined.put(login).status_code == writing  # ann changes nothing any more
    for method in ("GET", "PUT"):
        error_of(defined.server.ask(method, defined.path, headers={}, json={}), 401, "no_token")


def test_an_update_is_a_commit_on_the_default_branch(defined: Defined) -> None:
    answer = defined.put(message="Rename the tests\n\nFor clarity.")
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "commit": defined.shop.sha("refs/heads/main"),
        "branch": "main",
        "sha": defined.shop.blob(PATH, "refs/heads/main"),
        "pull_request": "",
    }
    assert defined.file() == NEW_FILE
    assert defined.github.requests[-1].body["message"] == "Rename the tests\n\nFor clarity."
    assert (defined.read()["content"], defined.read()["sha"]) == (NEW_FILE, answer.json()["sha"])


def test_an_update_may_go_to_another_branch(defined: Defined) -> None:
    sha = defined.shop.push({"x": "y"}, "feature/x")
    answer = defined.put(branch="feature/x", sha=defined.shop.blob(PATH, sha))
    assert (answer.status_code, answer.json()["branch"]) == (200, "feature/x")
    assert (defined.file("feature/x"), defined.file()) == (NEW_FILE, PIPELINE_FILE)
    error_of(defined.put(branch="nope"), 404, "not_found")
    error_of(defined.put(branch="../../x"), 404, "not_found")


def test_what_the_token_has_no_permission_for_is_forbidden_with_githubs_reason(defined: Defined) -> None:
    defined.github.fail("PUT /repos/{owner}/{repo}/contents/{path}", 403, "Resource not accessible by this token")
    assert "Resource not accessible by this token" in error_of(defined.put(), 403, "forbidden")


def test_a_pull_request_has_a_branch_of_its_own(defined: Defined) -> None:
    answer = defined.put(pull_request=True, message="Rename the tests\n\nFor clarity.")
    assert answer.status_code == 200, answer.text
    done = answer.json()
    (made,) = defined.shop.pull_requests
    assert done["pull_request"] == made["html_url"] == f"{defined.github.url}/Acme/shop/pull/{made['number']}"
    assert (made["title"], made["body"], made["base"]["ref"]) == ("Rename the tests", "For clarity.", "main")
    assert made["head"]["ref"] == done["branch"] != "main"
    assert made["head"]["sha"] == done["commit"]
    assert (defined.file(done["branch"]), defined.file()) == (NEW_FILE, PIPELINE_FILE)


def test_a_wrong_file_is_refused_with_every_problem_and_nothing_is_committed(defined: Defined) -> None:
    answer = defined.put(content=WRONG_FILE)
    error_of(answer, 422, "pipeline_file")
    places = [detail.split(": ")[:2] for detail in answer.json()["details"]]
    assert [field for _, field in places] == ["spec.template.stages[0].type", "spec.template.stages[1].params.command"]
    assert all(place.startswith(f"{PATH}:") for place, _ in places)
    without_image = PIPELINE_FILE.replace("      - {name: Build, type: docker_build}\n", "")
    assert "needs an image" in error_of(defined.put(content=without_image), 422, "input")
    for pull_request in (False, True):
        assert defined.put(content="", pull_request=pull_request).status_code == 422
    assert (defined.file(), defined.shop.branches()) == (PIPELINE_FILE, ["main"])


@pytest.mark.parametrize("pull_request", [False, True])
def test_a_file_that_changed_meanwhile_is_not_overwritten(defined: Defined, pull_request: bool) -> None:
    old = defined.read()["sha"]
    defined.shop.push({PATH: PIPELINE_FILE + "# another\n"})
    for sha in (old, None, "0" * 40, "nonsense"):
        message = error_of(defined.put(sha=sha, pull_request=pull_request), 409, "conflict")
        assert f"has the sha {defined.read()['sha']} by now" in message
    assert (defined.file(), defined.shop.branches()) == (PIPELINE_FILE + "# another\n", ["main"])


def test_a_file_that_went_meanwhile_is_not_made_again(defined: Defined) -> None:
    (defined.shop.work / PATH).unlink()
    old = defined.read()["sha"]
    defined.shop.push({})
    assert "is not there" in error_of(defined.put(sha=old), 409, "conflict")


def test_what_github_does_not_take_is_a_conflict_in_its_own_words(defined: Defined) -> None:
    defined.shop.protected.add("main")
    assert "Changes must be made through a pull request" in error_of(defined.put(), 409, "conflict")
    assert defined.put(pull_request=True).status_code == 200


def test_a_race_that_github_notices_is_a_conflict(defined: Defined) -> None:
    defined.github.fail(CONTENTS, 409, f"{PATH} does not match", times=1)
    assert "does not match" in error_of(defined.put(), 409, "conflict")


def test_an_update_that_changes_nothing_is_refused(defined: Defined) -> None:
    for pull_request in (False, True):
        answer = defined.put(content=PIPELINE_FILE, pull_request=pull_request)
        assert "nothing to update" in error_of(answer, 422, "input")


@pytest.mark.parametrize(("operation", "status"), [(CONTENTS, 409), (CONTENTS, 502), (PULLS, 422), (PULLS, 502)])
def test_a_pull_request_that_cannot_be_made_leaves_no_branch(defined: Defined, operation: str, status: int) -> None:
    defined.github.fail(operation, status)
    answer = defined.put(pull_request=True)
    assert answer.status_code == {409: 409, 422: 422, 502: 503}[status]
    assert defined.shop.branches() == ["main"]


def test_a_branch_that_cannot_be_removed_either_hides_no_error(defined: Defined) -> None:
    defined.github.fail(PULLS, 502, "no pulls now")
    defined.github.fail("DELETE /repos/{owner}/{repo}/git/refs/{ref}", 502)
    assert "no pulls now" in error_of(defined.put(pull_request=True), 503, "unavailable")


@pytest.mark.parametrize(
    "body",
    [
        {"content": None},
        {"content": 7},
        {"message": ""},
        {"branch": ""},
        {"sha": 7},
        {"pull_request": "yes"},
    ],
)
def test_a_field_of_the_wrong_kind_is_refused(defined: Defined, body: dict[str, Any]) -> None:
    error_of(defined.put(**body), 400, "bad_field")


@pytest.mark.parametrize("trouble", ["gone", "hangs", "fails", "limited"])
def test_while_github_fails_the_answer_is_503_and_says_so(defined: Defined, trouble: str) -> None:
    defined.read(login="ben")
    defined.github.trouble(trouble)
    for answer in (defined.ask("GET", defined.path, "ben"), defined.put()):
        message = error_of(answer, 503, "unavailable")
        assert {"limited": "rate limit", "fails": "GitHub fails"}.get(trouble, "does not answer") in message


def test_on_one_machine_a_definition_is_read_and_not_written(server: Server) -> None:
    server.ask("POST", PIPELINES, json={"repository": str(REPOSITORY)})
    path = f"{PIPELINES}/{REPOSITORY}/definition"
    found = server.ask("GET", path).json()
    assert (found["content"], found["commit"]) == (PIPELINE_FILE, SHA)
    message = error_of(server.ask("PUT", path, json={"content": NEW_FILE, "sha": found["sha"]}), 409, "unsupported")
    assert "edit the file" in message
