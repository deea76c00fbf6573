"""Whose a bare commit is: GitHub gives those of a repository's forks under the repository's own name, too."""

from typing import Any
from urllib.parse import quote

from coordinator.github_api import GitHubApi, Refused
from shared.errors import NotFound


def fork_base(api: GitHubApi, path: str, sha: str, token: str) -> str:
    """The commit whose pipeline file counts for a fork's commit: of the base of the pull request that it is in, or of
    the default branch where GitHub tells of none.

    It is "" where the commit is the own one of the repository at `path`: on its default branch, the newest of a branch,
    or in a pull request from one of its branches.

    Raises what `GitHubApi` does.
    """
    default = quote(str(api.get(path, token)["default_branch"]))
    compared = _known(api, f"{path}/compare/{default}...{sha}", token, {"per_page": "1"})
    if compared and compared["status"] in ("identical", "behind"):
        return ""
    if _known(api, f"{path}/commits/{sha}/branches-where-head", token):
        return ""
    pulls = _known(api, f"{path}/commits/{sha}/pulls", token) or []
    if any(map(_is_own, pulls)):
        return ""
    bases = [pull["base"]["sha"] for pull in sorted(pulls, key=lambda pull: pull["state"] != "open")]
    return str(bases[0] if bases else api.get(f"{path}/commits/heads/{default}", token)["sha"])


def _known(api: GitHubApi, path: str, token: str, query: dict[str, str] | None = None) -> Any:
    """What GitHub says, or None where it says nothing: then the commit is not known to be the repository's own."""
    try:
        return api.get(path, token, query)
    except (NotFound, Refused):
        return None


def _is_own(pull: Any) -> bool:
    head, base = pull["head"]["repo"], pull["base"]["repo"]
    return head is not None and head["full_name"] == base["full_name"]
