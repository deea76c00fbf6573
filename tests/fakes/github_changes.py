"""What the stand-in for GitHub answers to changes of files, branches and pull requests."""

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.fakes.github_calls import Answer, Call, invalid, refusal
from tests.fakes.github_repositories import FakeRepository
from tests.git_server import git


class Changes:
    """Answers calls that change a repository. `filled` makes an example a repository's own."""

    def __init__(self, api_url: str, filled: Callable[[str, FakeRepository], Any], numbers: Iterator[int]) -> None:
        self._api_url = api_url
        self._filled = filled
        self._numbers = numbers
        repository = "/repos/{owner}/{repo}"
        self.operations: Mapping[str, Callable[[Call], Answer]] = {
            f"PUT {repository}/contents/{{path}}": self._put_contents,
            f"POST {repository}/git/refs": self._add_branch,
            f"DELETE {repository}/git/refs/{{ref}}": self._remove_branch,
            f"POST {repository}/pulls": self._open_pull_request,
        }

    def file(self, repository: FakeRepository, path: str, sha: str, data: bytes) -> dict[str, Any]:
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
        return Answer(200 if old else 201, {**value, "content": self.file(repository, path, sha, data)})

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
        value |= {
            "requested_teams": [],
            "number": number,
            "title": asked["title"],
            "body": asked.get("body"),
            "html_url": html_url,
        }
        for side, name, sha in (("head", asked["head"], head), ("base", asked["base"], base)):
            value[side] |= {"ref": name, "sha": sha, "label": f"{repository.owner}:{name}"}
        repository.pull_requests.append(value)
        return Answer(201, value)
