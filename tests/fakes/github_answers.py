"""What the stand-in for GitHub answers to each operation: GitHub's own examples, with a repository's facts in."""

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from tests.fakes.github_calls import DOCUMENTATION, Answer, Call, invalid, refusal
from tests.fakes.github_changes import Changes
from tests.fakes.github_commits import Commits
from tests.fakes.github_repositories import FakeRepository
from tests.fakes.github_schema import RAW, GitHubSchema
from tests.git_server import git

EXAMPLE = "octocat/Hello-World"


class Answers:
    """Answers calls. `statuses` keeps every commit status that was taken, the oldest first. `renamed` maps names that
    repositories had to these."""

    def __init__(self, api_url: str, schema: GitHubSchema) -> None:
        self._api_url = api_url
        self._schema = schema
        self.repositories: dict[str, FakeRepository] = {}
        self.renamed: dict[str, FakeRepository] = {}
        self.statuses: list[dict[str, Any]] = []
        self._numbers = iter(range(1, 10**9))
        self._changes = Changes(api_url, self._filled, self._numbers)
        repository = "/repos/{owner}/{repo}"
        self._operations: dict[str, Callable[[Call], Answer]] = {
            "GET /user": self._user,
            "GET /user/repos": self._user_repositories,
            f"GET {repository}": self._repository,
            f"GET {repository}/commits/{{ref}}": self._commit,
            f"GET {repository}/contents/{{path}}": self._contents,
            f"POST {repository}/statuses/{{sha}}": self._post_status,
            f"GET {repository}/hooks": self._hooks,
            f"POST {repository}/hooks": self._add_hook,
            f"DELETE {repository}/hooks/{{hook_id}}": self._remove_hook,
            **self._changes.operations,
            **Commits(self._filled).operations,
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

    def named(self, path: str) -> str:
        """The path by name of one that has a repository's number, as GitHub's redirects do."""
        found = re.fullmatch(r"/repositories/(\d+)(/.*)?", path)
        numbered = (r for r in self.repositories.values() if found and r.number == int(found[1]))
        repository = next(numbered, None)
        return f"/repos/{repository.full_name}{found[2] or ''}" if found and repository else path

    def redirect(self, method: str, target: str, values: Mapping[str, str], login: str) -> Answer | None:
        """Where a repository that was renamed is: permanently for what reads, and with the method and body kept else.

        As GitHub documents it in "Redirects" and "Renaming a repository"; a new one of the old name ends it.
        """
        name = f"{values.get('owner', '')}/{values.get('repo', '')}".lower()
        repository = self.renamed.get(name)
        if repository is None or name in self.repositories or not repository.permissions(login)["pull"]:
            return None
        url = f"{self._api_url}/repositories/{repository.number}{target[len('/repos/') + len(name) :]}"
        body = {"message": "Moved Permanently", "url": url, "documentation_url": DOCUMENTATION}
        return Answer(301 if method == "GET" else 307, body, {"Location": url})

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
        return Answer(
            200, {**self._changes.file(repository, path, sha, data), "encoding": "base64", "content": content}
        )

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
