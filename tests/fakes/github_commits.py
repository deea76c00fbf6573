"""What the stand-in for GitHub answers to where a commit belongs: which branches, and which pull requests."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.fakes.github_calls import Answer, Call, refusal
from tests.fakes.github_repositories import FakeRepository
from tests.git_server import git

_UNDECLARED = ("network_count", "subscribers_count", "template_repository")
"""What GitHub's example of a pull request's repository has beyond its own description."""


class Commits:
    """Answers calls about commits that are there. `filled` makes an example a repository's own."""

    def __init__(self, filled: Callable[[str, FakeRepository], Any]) -> None:
        self._filled = filled
        repository = "/repos/{owner}/{repo}"
        self.operations: Mapping[str, Callable[[Call], Answer]] = {
            f"GET {repository}/compare/{{basehead}}": self._compare,
            f"GET {repository}/commits/{{commit_sha}}/branches-where-head": self._branches,
            f"GET {repository}/commits/{{commit_sha}}/pulls": self._pulls,
        }

    def _compare(self, call: Call) -> Answer:
        assert call.repository is not None
        base, head = map(call.repository.resolve, call.values["basehead"].split("..."))
        if not base or not head:
            return refusal(404, "Not Found")
        counts = git(call.repository.bare, "rev-list", "--left-right", "--count", f"{base}...{head}")
        behind, ahead = map(int, counts.split())
        status = {(False, False): "identical", (False, True): "ahead", (True, False): "behind"}
        value = self._filled("commit-comparison", call.repository)
        value |= {"status": status.get((behind > 0, ahead > 0), "diverged"), "ahead_by": ahead, "behind_by": behind}
        return Answer(200, {**value, "commits": [], "total_commits": ahead, "files": []})

    def _branches(self, call: Call) -> Answer:
        assert call.repository is not None
        (example,) = self._filled("branch-short-items", call.repository)
        sha = call.values["commit_sha"]
        names = [name for name in call.repository.branches() if call.repository.sha(f"refs/heads/{name}") == sha]
        return Answer(200, [{**example, "name": name, "commit": {**example["commit"], "sha": sha}} for name in names])

    def _pulls(self, call: Call) -> Answer:
        assert call.repository is not None
        sha, bare = call.values["commit_sha"], call.repository.bare
        found = []
        for number, (head, branch) in call.repository.taken.items():
            own = git(bare, "rev-list", f"refs/pull/{number}/head", f"^{call.repository.default_branch}").split()
            if sha in own:
                found.append(self._pull(call.repository, number, head, branch))
        return Answer(200, found)

    def _pull(self, base: FakeRepository, number: int, head: FakeRepository, branch: str) -> Any:
        (value,) = self._filled("pull-request-simple-items", base)
        value |= {"number": number, "state": "open", "requested_teams": []}
        for side, repository, ref, full in (
            ("head", head, branch, f"refs/pull/{number}/head"),
            ("base", base, base.default_branch, f"refs/heads/{base.default_branch}"),
        ):
            value[side] |= {"ref": ref, "sha": base.sha(full), "label": f"{repository.owner}:{ref}"}
            named = {"name": repository.name, "full_name": repository.full_name}
            shown = {key: each for key, each in value[side]["repo"].items() if key not in _UNDECLARED}
            value[side]["repo"] = shown | named
        return value
