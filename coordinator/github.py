"""GitHub as the SourceHost, and as the Forge: github.com or an Enterprise Server."""

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from coordinator import commit_origin
from coordinator.forge import FileChange, RepositoryPage
from coordinator.github_api import TIMEOUTS_S, GitHubApi, Refused
from coordinator.links import github_api_url, github_host, repository_path, status_path
from shared.errors import Conflict, InputError, NotFound
from shared.github_status import CommitStatus
from shared.json_value import Json
from shared.model import Commit, Repository
from shared.ports import Access, RepositoryInfo

MAX_FILE_BYTES = 64 * 1024
"""So much of a pipeline file is read; a larger one is refused."""
HOOK_EVENTS = ("push", "pull_request")
_SHA = re.compile("[0-9a-f]{40}")
_SHORT_SHA = re.compile("[0-9a-f]{7,39}")
_IN_NO_REF = re.compile(r"\.\.|[\x00-\x20\x7f~^:?*\[\\]")
"""As git-check-ref-format has it. In an address, `..` would lead elsewhere."""


class GitHub:
    """One GitHub. Every call raises what `GitHubApi` does, and NotFound for a repository that is elsewhere."""

    def __init__(self, url: str, timeouts_s: tuple[float, float] = TIMEOUTS_S) -> None:
        """`url` is where people see it: https://github.com. The timeouts are `GitHubApi`'s."""
        self._url = url
        self._host = github_host(url)
        self._api = GitHubApi(github_api_url(url), timeouts_s)

    def describe(self, repository: Repository, token: str) -> RepositoryInfo:
        """What GitHub says of a repository; raises NotFound where there is none, or it is hidden."""
        return self._info(self._api.get(self._path(repository), token))

    def repositories(self, page: int, size: int, token: str) -> RepositoryPage:
        """A page of the repositories that the token's user owns, works on, or can see through an organization."""
        query = {"per_page": str(size), "page": str(page), "sort": "full_name"}
        found, more = self._api.page("/user/repos", token, query)
        return RepositoryPage(tuple(map(self._info, found)), more)

    def commit(self, repository: Repository, ref: str, token: str) -> Commit:
        """Resolve a branch, tag or SHA; raises NotFound."""
        path = self._path(repository)
        for full, name in _candidates(ref):
            try:
                found = self._api.get(f"{path}/commits/{quote(name)}", token)
            except Refused:  # there is no such commit, or none at all
                continue
            author = found["commit"]["author"] or {}
            who = f"{author.get('name', '')} <{author.get('email', '')}>"
            return Commit(found["sha"], full, who, found["commit"]["message"].partition("\n")[0])
        raise NotFound(f"{repository} has no branch, tag or commit {ref!r}")

    def fork_base(self, repository: Repository, sha: str, token: str) -> str:
        """Whose a bare commit is, as `commit_origin` finds out."""
        return commit_origin.fork_base(self._api, self._path(repository), sha, token)

    def read_file(self, repository: Repository, path: str, sha: str, token: str) -> str:
        """A file's text at a commit; raises NotFound, or InputError where it is too large or no text."""
        where = f"{path} at commit {sha[:10]} of {repository}"
        try:
            data = self._api.read(
                f"{self._path(repository)}/contents/{quote(path)}", token, {"ref": sha}, MAX_FILE_BYTES
            )
        except NotFound as error:
            raise NotFound(f"{repository} has no {path} at commit {sha[:10]}") from error
        if len(data) > MAX_FILE_BYTES:
            raise InputError(f"{where} has more than {MAX_FILE_BYTES} bytes")
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise InputError(f"{where} is not UTF-8: {error}") from error

    def clone_url(self, repository: Repository) -> str:
        """Where stages clone it from."""
        self._path(repository)
        return f"{self._url}/{quote(repository.owner)}/{quote(repository.name)}.git"

    def login(self, token: str) -> str:
        """The name of the user whom a token belongs to."""
        return str(self._api.get("/user", token)["login"])

    def post_status(
        self, repository: Repository, sha: str, context: str, status: CommitStatus, link: str, token: str
    ) -> None:
        """Set a commit's status of one context."""
        self._path(repository)
        self._api.post(status_path(repository, sha), token, status.body(context, link))

    def add_hook(self, repository: Repository, url: str, secret: str, token: str) -> str:
        """Have pushes and pull requests delivered to `url`, signed with `secret`; replaces an older hook to `url`.
        Returns "", or why GitHub refuses to."""
        self.remove_hook(repository, url, token)
        config = {"url": url, "content_type": "json", "secret": secret, "insecure_ssl": "0"}
        hook = {"name": "web", "active": True, "events": list(HOOK_EVENTS), "config": config}
        try:
            self._api.post(f"{self._path(repository)}/hooks", token, hook)
        except Refused as error:
            return str(error)
        return ""

    def remove_hook(self, repository: Repository, url: str, token: str) -> None:
        """Have nothing delivered to `url` any more; absent is fine."""
        path = f"{self._path(repository)}/hooks"
        for hook in self._api.get(path, token, {"per_page": "100"}):
            if hook["config"].get("url") == url:
                self._api.delete(f"{path}/{hook['id']}", token)

    def put_file(self, repository: Repository, change: FileChange, token: str) -> str:
        """Commit a file; raises Conflict with GitHub's words, as for another content or a protected branch."""
        body = {
            "message": change.message,
            "content": base64.b64encode(change.text.encode()).decode(),
            "branch": change.branch,
            **({"sha": change.replaces} if change.replaces else {}),
        }
        try:
            done = self._api.put(f"{self._path(repository)}/contents/{quote(change.path)}", token, body)
        except Refused as error:
            raise Conflict(str(error)) from error
        return str(done["commit"]["sha"])

    def make_branch(self, repository: Repository, name: str, sha: str, token: str) -> None:
        """Make a branch; raises Refused where there is one."""
        self._api.post(f"{self._path(repository)}/git/refs", token, {"ref": f"refs/heads/{name}", "sha": sha})

    def remove_branch(self, repository: Repository, name: str, token: str) -> None:
        """Remove a branch; raises Refused where there is none."""
        self._api.delete(f"{self._path(repository)}/git/refs/heads/{quote(name)}", token)

    def propose(self, repository: Repository, head: str, base: str, message: str, token: str) -> str:
        """Open a pull request; raises Refused."""
        title, _, body = message.partition("\n")
        asked = {"title": title, "body": body.strip(), "head": head, "base": base}
        return str(self._api.post(f"{self._path(repository)}/pulls", token, asked)["html_url"])

    def _info(self, found: Mapping[str, Any]) -> RepositoryInfo:
        owner, _, name = found["full_name"].partition("/")
        access = _access(found.get("permissions") or {})
        return RepositoryInfo(Repository(self._host, owner, name), found["default_branch"], access, found["private"])

    def _path(self, repository: Repository) -> str:
        if repository.host != self._host:
            raise NotFound(
                f"{repository} is not on {self._host}, whose repositories this kontinuous serves: "
                f"name one as {self._host}/owner/name"
            )
        if {repository.owner, repository.name} & {".", ".."}:
            raise NotFound(f"{repository} is not a repository")
        return repository_path(repository)


def _access(permissions: Mapping[str, Json]) -> Access:
    held = (("admin", Access.ADMIN), ("push", Access.WRITE), ("pull", Access.READ))
    return next((access for name, access in held if permissions.get(name)), Access.NONE)


def _candidates(ref: str) -> Iterator[tuple[str, str]]:
    """What a ref may mean, as (full ref, name in the REST API), the likeliest first; nothing where git has no such."""
    if _IN_NO_REF.search(ref) or not all(ref.split("/")):
        return
    if ref.startswith("refs/"):
        if ref.startswith(("refs/heads/", "refs/tags/")):
            yield ref, ref.removeprefix("refs/")
        return
    if _SHA.fullmatch(ref):
        yield "", ref
        return
    yield f"refs/heads/{ref}", f"heads/{ref}"
    yield f"refs/tags/{ref}", f"tags/{ref}"
    if _SHORT_SHA.fullmatch(ref):
        yield "", ref
