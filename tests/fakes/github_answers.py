"""What the stand-in for GitHub answers to each operation: GitHub's own examples, with a repository's facts in."""

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.github_repositories import FakeRepository
from tests.fakes.github_schema import JSON, RAW, GitHubSchema
from tests.git_server import git

EXAMPLE = "octocat/Hello-World"
DOCUMENTATION = "https://docs.github.com/rest"


@dataclass
class Answer:
    """A status and a body: any JSON, bytes, or None for no body."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def content(self) -> tuple[str, bytes]:
        """The media type and the bytes."""
        if isinstance(self.body, bytes):
            return RAW, self.body
        return JSON, b"" if self.body is None else json.dumps(self.body).encode()


@dataclass
class Call:
    """A request to one repository (or to none), by a user."""

    login: str
    repository: FakeRepository | None
    values: Mapping[str, str]
    query: Mapping[str, str]
    accept: str
    body: Any


def refusal(status: int, message: str, **headers: str) -> Answer:
    """An error as GitHub words it."""
    return Answer(status, {"message": message, "documentation_url": DOCUMENTATION}, headers)


def invalid(resource: str, message: str) -> Answer:
    """GitHub's 422."""
    error = {"resource": resource, "code": "custom", "message": message}
    return Answer(422, {"message": "Validation Failed", "documentation_url": DOCUMENTATION, "errors": [error]})


class Answers:
    """Answers calls. `statuses` keeps every commit status that was taken, the oldest first."""

    def __init__(self, api_url: str, schema: GitHubSchema) -> None:
        self._api_url = api_url
        self._schema = schema
        self.repositories: dict[str, FakeRepository] = {}
        self.statuses: list[dict[str, Any]] = []
        self._numbers = iter(range(1, 10**9))
        repository = "/repos/{owner}/{repo}"
        self._operations: dict[str, Callable[[Call], Answer]] = {
            "GET /user": self._user,
            "GET /user/repos": self._user_repositories,
            f"GET {repository}": self._repository,
            f"GET {repository}/commits/{{ref}}": self._commit,
            f"GET {repository}/contents/{{path}}": self._contents,
            f"PUT {repository}/contents/{{path}}": self._put_contents,
            f"POST {repository}/git/refs": self._add_branch,
            f"DELETE {repository}/git/refs/{{ref}}": self._remove_branch,
            f"POST {repository}/pulls": self._open_pull_request,
            f"POST {repository}/statuses/{{sha}}": self._post_status,
            f"GET {repository}/hooks": self._hooks,
            f"POST {repository}/hooks": self._add_hook,
            f"DELETE {repository}/hooks/{{hook_id}}": self._remove_hook,
        }

    def answer(self, operation: str, call: Call) -> Answer:
        """Answer a call, if its user may make it."""
        repository = call.repository
        if repository is not None:
            permissions = repository.permissions(call.login)
            if not permissions["pull"] or ("hook" in operation and not permissions["admin"]):
                return refusal(404, "Not Found")
            if not operation.startswith("GET") and not permissions["push"]:
                return refusal(403, "Resource not accessible by personal access token")
        elif "{repo}" in operation:
            return refusal(404, "Not Found")
        return self._operations[operation](call)

    def _filled(self, example: str, repository: FakeRepository | None = None) -> Any:
        """An example with this server's addresses and the repository's name."""
        text = json.dumps(self._schema.example(example)).replace("https://api.github.com", self._api_url)
        return json.loads(text.replace(EXAMPLE, repository.full_name) if repository else text)

    def _user(self, call: Call) -> Answer:
        user = self._filled("private-user-response-with-public-and-private-profile-information")
        return Answer(200, {**user, "login": call.login})

    def _user_repositories(self, call: Call) -> Answer:
        size, page = int(call.query.get("per_page", "30")), int(call.query.get("page", "1"))
        seen = sorted((r for r in self.repositories.values() if call.login in r.roles), key=lambda r: r.full_name)
        more = {"Link": f'<{self._api_url}/user/repos?page={page + 1}>; rel="next"'} if len(seen) > page * size else {}
        shown = [self.described(r, call.login) for r in seen[(page - 1) * size : page * size]]
        return Answer(200, [{k: v for k, v in each.items() if k not in _FULL_ONLY} for each in shown], more)

    def _repository(self, call: Call) -> Answer:
        assert call.repository is not None
        return Answer(200, self.described(call.repository, call.login))

    def described(self, repository: FakeRepository, login: str) -> dict[str, Any]:
        """A repository as GitHub describes it to a user."""
        value = self._filled("full-repository-default-response", repository)
        for name in ("parent", "source", "template_repository"):
            del value[name]
        return {
            **value,
            "id": repository.number,
            "name": repository.name,
            "full_name": repository.full_name,
            "private": repository.private,
            "visibility": "private" if repository.private else "public",
            "default_branch": repository.default_branch,
            "fork": repository.fork_of is not None,
            "language": None,
            "permissions": repository.permissions(login),
            "owner": {**value["owner"], "login": repository.owner},
        }

    def _commit(self, call: Call) -> Answer:
        assert call.repository is not None
        sha = call.repository.resolve(call.values["ref"])
        if not sha:
            return invalid("Commit", f"No commit found for SHA: {call.values['ref']}")
        value = self._filled("commit", call.repository)
        shown = git(call.repository.bare, "show", "--no-patch", "--format=%an%n%ae%n%aI%n%T%n%B", sha)
        name, email, date, tree, message = shown.split("\n", 4)
        value |= {"sha": sha, "files": [], "author": None, "committer": None, "parents": []}
        who = {"name": name, "email": email, "date": date}
        value["commit"] |= {"message": message, "author": who, "committer": who}
        value["commit"]["tree"]["sha"] = tree
        return Answer(200, value)

    def _contents(self, call: Call) -> Answer:
        assert call.repository is not None
        repository, path = call.repository, call.values["path"]
        sha = repository.resolve(call.query.get("ref", repository.default_branch))
        data = repository.file(path, sha) if sha else None
        if data is None:
            return refusal(404, "Not Found")
        if call.accept == RAW:
            return Answer(200, data)
        content = base64.b64encode(data).decode()
        return Answer(200, {**self._file(repository, path, sha, data), "encoding": "base64", "content": content})

    def _file(self, repository: FakeRepository, path: str, sha: str, data: bytes) -> dict[str, Any]:
        """What GitHub says of a file beside its content."""
        url = f"{self._api_url}/repos/{repository.full_name}/contents/{path}"
        links = {"self": url, "git": url, "html": url}
        about = {"type": "file", "size": len(data), "name": path.rsplit("/", 1)[-1], "path": path}
        addresses = {"url": url, "git_url": url, "html_url": url, "download_url": url, "_links": links}
        return {**about, **addresses, "sha": git(repository.bare, "rev-parse", f"{sha}:{path}")}

    def _put_contents(self, call: Call) -> Answer:
        assert call.repository is not None
        repository, path, asked = call.repository, call.values["path"], call.body
        branch = asked.get("branch", repository.default_branch)
        if branch in repository.protected:
            return refusal(409, "Changes must be made through a pull request.")
        head = repository.sha(f"refs/heads/{branch}")
        if not head:
            return refusal(404, f"Branch {branch} not found")
        old = repository.blob(path, head)
        if old and "sha" not in asked:
            return invalid("Contents", '"sha" wasn\'t supplied.')
        if asked.get("sha", old) != old:
            return refusal(409, f"{path} does not match {asked['sha']}")
        data = base64.b64decode(asked["content"], validate=True)
        sha = repository.push({path: data.decode()}, branch, asked["message"])
        value = self._filled("file-commit-example-for-updating-a-file", repository)
        value["commit"] |= {"sha": sha, "message": asked["message"]}
        return Answer(200 if old else 201, {**value, "content": self._file(repository, path, sha, data)})

    def _add_branch(self, call: Call) -> Answer:
        assert call.repository is not None
        ref, sha = call.body["ref"], call.body["sha"]
        if not re.fullmatch("refs/heads/.+", ref) or call.repository.sha(sha) != sha:
            return refusal(422, "Object does not exist")
        if call.repository.sha(ref):
            return refusal(422, "Reference already exists")
        call.repository.add_branch(ref.removeprefix("refs/heads/"), sha)
        value = self._filled("git-ref", call.repository)
        return Answer(201, {**value, "ref": ref, "object": {**value["object"], "sha": sha}})

    def _remove_branch(self, call: Call) -> Answer:
        assert call.repository is not None
        ref = f"refs/{call.values['ref']}"
        if not call.repository.sha(ref):
            return refusal(422, "Reference does not exist")
        call.repository.remove_branch(ref.removeprefix("refs/heads/"))
        return Answer(204)

    def _open_pull_request(self, call: Call) -> Answer:
        assert call.repository is not None
        repository, asked = call.repository, call.body
        head, base = (repository.sha(f"refs/heads/{asked[name]}") for name in ("head", "base"))
        if not head or not base or head == base or not asked.get("title"):
            return invalid("PullRequest", f"No commits between {asked['base']} and {asked['head']}")
        value = self._filled("pull-request", repository)
        number = next(self._numbers)
        html_url = f"{self._api_url.removesuffix('/api/v3')}/{repository.full_name}/pull/{number}"
        value |= {"number": number, "title": asked["title"], "body": asked.get("body"), "html_url": html_url}
        for side, name, sha in (("head", asked["head"], head), ("base", asked["base"], base)):
            value[side] |= {"ref": name, "sha": sha, "label": f"{repository.owner}:{name}"}
        repository.pull_requests.append(value)
        return Answer(201, value)

    def _post_status(self, call: Call) -> Answer:
        assert call.repository is not None
        sha = call.values["sha"]
        if call.repository.sha(sha) != sha:
            return invalid("Status", f"No commit found for SHA: {sha}")
        given = {"context": "default", "description": None, "target_url": None, **call.body}
        if len(given["description"] or "") > 140:
            return invalid("Status", "description is too long (maximum is 140 characters)")
        value = self._filled("status", call.repository)
        value |= {**given, "id": next(self._numbers)}
        value["creator"]["login"] = call.login
        self.statuses.append({**value, "repository": call.repository.full_name, "sha": sha})
        return Answer(201, value)

    def _hooks(self, call: Call) -> Answer:
        assert call.repository is not None
        return Answer(200, list(call.repository.hooks.values()))

    def _add_hook(self, call: Call) -> Answer:
        assert call.repository is not None
        hooks, config = call.repository.hooks, call.body.get("config", {})
        if any(hook["config"]["url"] == config.get("url") for hook in hooks.values()):
            return invalid("Hook", "Hook already exists on this repository")
        value = self._filled("hook", call.repository)
        value |= {"id": next(self._numbers), "active": True, "events": call.body.get("events", ["push"])}
        value["config"] = config
        hooks[value["id"]] = value
        shown = {**config, "secret": "********"} if "secret" in config else config
        return Answer(201, {**value, "config": shown})

    def _remove_hook(self, call: Call) -> Answer:
        assert call.repository is not None
        gone = call.repository.hooks.pop(int(call.values["hook_id"]), None)
        return Answer(204) if gone else refusal(404, "Not Found")


_FULL_ONLY = {"network_count", "subscribers_count", "organization"}
