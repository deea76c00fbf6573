"""A stand-in for GitHub on one address: its API below /api/v3, as on an Enterprise Server, OAuth, and git over HTTP.

All that it gets and gives is checked against GitHub's published description (`github_schema`). What does not fit is
kept in `problems`, and `close` raises it: a test that makes a wrong request fails, whatever it went on to see.
"""

import base64
import json
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import requests

from tests.fakes import github_repositories, github_webhooks
from tests.fakes.github_answers import Answers
from tests.fakes.github_calls import Answer, Call, invalid, refusal
from tests.fakes.github_oauth import FakeOAuth
from tests.fakes.github_repositories import FakeRepository
from tests.fakes.github_schema import GitHubSchema, Operation
from tests.fakes.github_server import StandIn
from tests.git_server import http_backend

API = "/api/v3"
API_VERSION = "2022-11-28"
STATUSES = "POST /repos/{owner}/{repo}/statuses/{sha}"
HANG_LIMIT_S = 60


@dataclass
class Fault:
    """What goes wrong with an operation ("" for all), so many times (None: until `heal`). Status 0: no answer."""

    operation: str
    status: int
    message: str = "Server Error"
    headers: Mapping[str, str] = field(default_factory=dict)
    times: int | None = None


@dataclass(frozen=True)
class Seen:
    """A request to the API that came."""

    operation: str
    path: str
    login: str
    body: Any
    at: float


class FakeGitHub(StandIn):
    """The stand-in. `users` maps tokens to logins; `requests` are those to the API, `clones` those of git."""

    def __init__(self, folder: Path, host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__(host, port)
        self.url = f"http://{host}:{self._address[1]}"
        self.api_url = self.url + API
        self.folder = folder
        self.users: dict[str, str] = {}
        self.requests: list[Seen] = []
        self.clones: list[str] = []
        self.problems: list[str] = []
        self.oauth = FakeOAuth(self.add_user, self.problems)
        self._schema = GitHubSchema()
        self._answers = Answers(self.api_url, self._schema)
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self.start()

    def close(self) -> None:
        """End; raises AssertionError for all that did not fit GitHub's description."""
        self.stop()
        if self.problems:
            raise AssertionError("not as GitHub's description has it:\n" + "\n".join(self.problems))

    @property
    def host(self) -> str:
        """What repositories of this GitHub have as their host."""
        return f"{self._address[0]}:{self._address[1]}"

    @property
    def connections(self) -> int:
        """How many connections came since the last start."""
        return self._server.accepted if self._server else 0

    def add_user(self, login: str, token: str = "") -> str:
        """A user with a token; returns the token."""
        token = token or f"ghp_{login}{'0' * 30}"
        self.users[token] = login
        return token

    def add_repository(
        self, full_name: str, files: dict[str, str], private: bool = True, **roles: str
    ) -> FakeRepository:
        """A repository with one commit; `roles` says which login may pull, push or admin."""
        made = github_repositories.make(self.folder, full_name, files, private, len(self._answers.repositories) + 1)
        made.roles |= roles
        self._answers.repositories[full_name.lower()] = made
        return made

    def fork(self, of: FakeRepository, owner: str) -> FakeRepository:
        """A fork of a repository, which its owner may push to."""
        made = github_repositories.fork(of, owner, len(self._answers.repositories) + 1)
        made.roles[owner] = "admin"
        self._answers.repositories[made.full_name.lower()] = made
        return made

    def remove(self, full_name: str) -> None:
        """Delete a repository: nobody sees it any more."""
        del self._answers.repositories[full_name.lower()]

    def rename(self, repository: FakeRepository, full_name: str) -> None:
        """Rename a repository, or transfer it: what is asked for under its old name is redirected to it from now on."""
        old = repository.full_name.lower()
        repository.move(full_name)
        self._answers.renamed[old] = self._answers.repositories.pop(old)
        self._answers.repositories[full_name.lower()] = repository

    def deliver(self, repository: FakeRepository, message: github_webhooks.Message) -> list[requests.Response]:
        """Send a message to the hooks of a repository that want it; returns their answers."""
        hooks = [hook for hook in repository.hooks.values() if message.event in (*hook["events"], "ping")]
        return [github_webhooks.send(message, hook["config"]["url"], hook["config"]["secret"]) for hook in hooks]

    def example(self, name: str) -> Any:
        """One of the examples in GitHub's description."""
        return self._schema.example(name)

    def described(self, repository: FakeRepository) -> dict[str, Any]:
        """A repository as GitHub describes it to an admin."""
        return self._answers.described(repository, next(iter(repository.roles), ""))

    def fail(
        self, operation: str, status: int, message: str = "Server Error", times: int | None = None, **headers: str
    ) -> None:
        """Let an operation ("" for all) fail until `heal`, or so many times; headers with _ for -."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._healed.clear()
        self._faults.append(Fault(operation, status, message, named, times))

    def hang(self, operation: str = "") -> None:
        """Let an operation have no answer until `heal`."""
        self.fail(operation, 0)

    def limit(self, seconds: int, operation: str = "", times: int | None = 1) -> None:
        """Let the primary rate limit be used up, as GitHub says it: until when, in the header."""
        reset = str(int(time.time()) + seconds)
        self.fail(operation, 403, "API rate limit exceeded", times, x_ratelimit_remaining="0", x_ratelimit_reset=reset)

    def trouble(self, kind: str) -> None:
        """Let it be gone, or let every request hang, fail, or be limited, until `heal` (and `start`)."""
        match kind:
            case "gone":
                self.stop()
            case "hangs":
                self.hang()
            case "fails":
                self.fail("", 502)
            case "limited":
                self.limit(60, times=None)
            case _:
                raise ValueError(kind)

    def heal(self) -> None:
        """Let everything work again."""
        self._faults.clear()
        self._healed.set()

    def statuses(self, sha: str) -> dict[str, dict[str, Any]]:
        """The newest status of each context of a commit."""
        return {status["context"]: status for status in self.history(sha)}

    def history(self, sha: str, context: str | None = None) -> list[dict[str, Any]]:
        """All statuses of a commit that were taken, the oldest first."""
        taken = [status for status in self._answers.statuses if status["sha"] == sha]
        return [status for status in taken if context in (None, status["context"])]

    def count(self, operation: str) -> int:
        """How many requests for an operation came."""
        return sum(seen.operation == operation for seen in self.requests)

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer | None:
        """Answer a request; None for no answer at all."""
        if target.startswith(f"{API}/"):
            return self.answer_api(method, target, headers, body)
        if target.startswith("/login/"):
            return self.answer_oauth(f"{method} {target}", headers, body)
        return self.answer_git(method, target, headers, body)

    def answer_oauth(self, operation: str, headers: Mapping[str, str], body: bytes) -> Answer | None:
        """Answer a request of an OAuth app; None for no answer at all."""
        with self._lock:
            answer = self._faulty(operation) or self.oauth.answer(operation, headers, body)
        return self._unless_hung(answer)

    def answer_api(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer | None:
        """Answer a request to the API; None for no answer at all."""
        parts = urlsplit(target)
        path = self._answers.named(unquote(parts.path.removeprefix(API)))
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        found = self._schema.find(method, path)
        if found is None:
            self.problems.append(f"{method} {path} is not an operation that GitHub has")
            return refusal(404, "Not Found")
        operation, values = found
        accept = headers.get("Accept", "")
        problems = self._schema.check_request(operation, query, accept, body)
        problems += [] if headers.get("User-Agent") else [f"{operation.name}: there is no User-Agent"]
        if headers.get("X-GitHub-Api-Version") != API_VERSION:
            problems.append(f"{operation.name}: X-GitHub-Api-Version is {headers.get('X-GitHub-Api-Version')!r}")
        login = self._login(headers.get("Authorization", ""))
        content = json.loads(body) if body and not problems else None
        with self._lock:
            self.problems += problems
            self.requests.append(Seen(operation.name, path, login, content, time.monotonic()))
            moved = self._answers.redirect(method, target.removeprefix(API), values, login)
            answer = (
                self._faulty(operation.name)
                or moved
                or self._answer(operation, values, query, accept, login, content, problems)
            )
        if answer.status and answer is not moved:
            kind, data = answer.content
            self.problems += self._schema.check_response(operation, answer.status, kind, data)
        return self._unless_hung(answer)

    def _unless_hung(self, answer: Answer) -> Answer | None:
        if answer.status == 0:
            self._healed.wait(HANG_LIMIT_S)
            return None
        return answer

    def _answer(
        self,
        operation: Operation,
        values: Mapping[str, str],
        query: Mapping[str, str],
        accept: str,
        login: str,
        content: Any,
        problems: list[str],
    ) -> Answer:
        if not login:
            return refusal(401, "Bad credentials")
        if problems:
            return (
                invalid("Request", "; ".join(problems))
                if "422" in operation.declared["responses"]
                else refusal(500, "")
            )
        name = f"{values.get('owner', '')}/{values.get('repo', '')}".lower()
        call = Call(login, self._answers.repositories.get(name), values, query, accept, content)
        return self._answers.answer(operation.name, call)

    def _faulty(self, operation: str) -> Answer | None:
        for fault in self._faults:
            if fault.operation in ("", operation) and fault.times != 0:
                fault.times = None if fault.times is None else fault.times - 1
                return Answer(0) if fault.status == 0 else self._failure(fault)
        return None

    @staticmethod
    def _failure(fault: Fault) -> Answer:
        answer = invalid("Status", fault.message) if fault.status == 422 else refusal(fault.status, fault.message)
        return Answer(answer.status, answer.body, fault.headers)

    def _login(self, authorization: str) -> str:
        scheme, _, token = authorization.partition(" ")
        return self.users.get(token, "") if scheme.lower() in ("bearer", "token") else ""

    def answer_git(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Let git answer, where the caller may read the repository."""
        self.clones.append(target)
        name = re.match(r"/([^/]+/[^/]+)\.git/", target)
        repository = self._answers.repositories.get(name[1].lower()) if name else None
        moved = self._answers.renamed.get(name[1].lower()) if name and repository is None else None
        if name and moved is not None:
            return Answer(301, b"", {"Location": self.url + target.replace(name[1], moved.full_name, 1)})
        login = self._git_login(headers.get("Authorization", ""))
        if repository is None or not repository.permissions(login)["pull"]:
            challenge = {"WWW-Authenticate": 'Basic realm="GitHub"'}
            return Answer(404, b"") if login else Answer(401, b"", challenge)
        status, answered, content = http_backend(self.folder, method, target, headers, body)
        return Answer(status, content, answered)

    def _git_login(self, authorization: str) -> str:
        scheme, _, pair = authorization.partition(" ")
        token = base64.b64decode(pair).decode().partition(":")[2] if scheme == "Basic" else ""
        return self.users.get(token, "")
