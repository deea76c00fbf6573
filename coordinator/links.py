"""Addresses that others are told: where a build is read, where GitHub's API is, where it takes statuses. Pure."""

from collections.abc import Iterable
from urllib.parse import quote, urlencode, urlsplit

from shared.model import Repository

PUBLIC_GITHUB = "https://github.com"
_GITHUB_API = "https://api.github.com"


def build_url(kontinuous_url: str, repository: Repository, number: int) -> str:
    """The page that says how a build is read, as links have it; "" where kontinuous has no address of its own."""
    return f"{kontinuous_url.rstrip('/')}/builds/{repository}/{number}" if kontinuous_url else ""


def github_host(github_url: str) -> str:
    """The host of the repositories on a GitHub: `github.com`."""
    return urlsplit(github_url).netloc.lower()


def github_api_url(github_url: str) -> str:
    """Where the REST API of a GitHub is: apart for github.com, below /api/v3 on an Enterprise Server."""
    return _GITHUB_API if github_url == PUBLIC_GITHUB else f"{github_url}/api/v3"


def authorize_url(github_url: str, client_id: str, scopes: Iterable[str]) -> str:
    """Where people allow an OAuth app to act for them; who sends them adds what is theirs, such as `state`."""
    query = {"client_id": client_id, "scope": " ".join(scopes)}
    return f"{github_url}/login/oauth/authorize?{urlencode(query)}"


def repository_path(repository: Repository) -> str:
    """A repository's path in the REST API."""
    return f"/repos/{quote(repository.owner, safe='')}/{quote(repository.name, safe='')}"


def status_path(repository: Repository, sha: str) -> str:
    """The path in the REST API that takes a commit's status."""
    return f"{repository_path(repository)}/statuses/{sha}"


def status_url(github_url: str, repository: Repository, sha: str) -> str:
    """Where a GitHub takes a commit's status; "" for a repository that is not on it."""
    on_github = repository.host == github_host(github_url)
    return github_api_url(github_url) + status_path(repository, sha) if on_github else ""
