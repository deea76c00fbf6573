"""GitHub's REST API over one connection pool: requests, its errors as ours, and its rate limits kept."""

import hashlib
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from threading import Lock
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from shared.clock import utc_now
from shared.errors import Forbidden, InfrastructureError, InputError, NotFound, RateLimited, TokenRefused
from shared.github_status import API_VERSION

TIMEOUTS_S = (5.0, 10.0)
"""To connect, and for each part of the answer."""
POOL = 32
SECONDARY_LIMIT_S = 60
"""How long GitHub asks to wait where it limits without saying how long."""
JSON = "application/vnd.github+json"
RAW = "application/vnd.github.raw+json"
_LONGEST_MESSAGE = 300
_PIECE_BYTES = 64 * 1024


class Refused(InputError):
    """GitHub understood the request, and will not do it: 409 or 422."""


class GitHubApi:
    """Sends requests, each with its caller's access token. Thread-safe.

    Raises TokenRefused where GitHub does not know the token, NotFound for what is not there or hidden from it,
    Forbidden for what it may not change, Refused for what GitHub will not do, RateLimited, and InfrastructureError
    where GitHub fails or does not answer.
    """

    def __init__(self, url: str, timeouts_s: tuple[float, float] = TIMEOUTS_S) -> None:
        """`url` is the API's, without a slash at its end."""
        self._url = url
        self._timeouts_s = timeouts_s
        self._session = requests.Session()
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(pool_connections=1, pool_maxsize=POOL))
        self._limits = _Limits()

    def get(self, path: str, token: str, query: Mapping[str, str] | None = None) -> Any:
        """The JSON at a path."""
        with self._send("GET", path, token, query=query) as answer:
            return read_json(answer)

    def page(self, path: str, token: str, query: Mapping[str, str]) -> tuple[list[Any], bool]:
        """One page of a list, and whether GitHub links to a next one."""
        with self._send("GET", path, token, query=query) as answer:
            return read_json(answer), "next" in answer.links

    def read(self, path: str, token: str, query: Mapping[str, str], most: int) -> bytes:
        """The raw bytes of a file, at most `most` and one."""
        with self._send("GET", path, token, query=query, accept=RAW) as answer:
            data = bytearray()
            for piece in _pieces(answer):
                data += piece
                if len(data) > most:
                    break
            return bytes(data[: most + 1])

    def post(self, path: str, token: str, body: Mapping[str, Any]) -> Any:
        """Create something; returns the answer's JSON."""
        with self._send("POST", path, token, body=body) as answer:
            return read_json(answer)

    def put(self, path: str, token: str, body: Mapping[str, Any]) -> Any:
        """Create or replace something; returns the answer's JSON."""
        with self._send("PUT", path, token, body=body) as answer:
            return read_json(answer)

    def delete(self, path: str, token: str) -> None:
        """Remove something."""
        self._send("DELETE", path, token).close()

    def _send(
        self,
        method: str,
        path: str,
        token: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        accept: str = JSON,
    ) -> requests.Response:
        self._limits.check(token)
        headers = {"Accept": accept, "User-Agent": "kontinuous", "X-GitHub-Api-Version": API_VERSION}
        try:
            answer = self._session.request(
                method,
                self._url + path,
                params=query,
                json=body,
                headers=headers,
                auth=_Bearer(token),
                timeout=self._timeouts_s,
                stream=accept == RAW,
            )
        except requests.RequestException as error:
            raise InfrastructureError(f"GitHub at {self._url} does not answer: {cause_of(error)}") from error
        if not answer.ok:
            self._raise(answer, f"{method} {path}", token)
        return answer

    def _raise(self, answer: requests.Response, what: str, token: str) -> None:
        said = message_of(answer)
        wait_s = limited_s(answer, said)
        if wait_s is not None:
            self._limits.note(token, wait_s)
            self._limits.check(token)
        match answer.status_code:
            case 401:
                raise TokenRefused("the GitHub token is not accepted: make a new one, and a new JSON Web Token with it")
            case 403 if not what.startswith("GET "):
                raise Forbidden(f"GitHub does not let this token do {what}: {said}")
            case 403 | 404 | 410 | 451:
                raise NotFound(
                    f"GitHub answers {answer.status_code} to {what}: {said}; it is not there, or this token may not"
                )
            case 409 | 422:
                raise Refused(f"GitHub refuses {what}: {said}")
            case _:
                raise InfrastructureError(f"GitHub fails at {what}: {answer.status_code} {said}")


class _Bearer(AuthBase):
    """The token in the header; as an `auth`, so that no login of a .netrc takes its place."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class _Limits:
    """Until when each token has to wait. To go on asking while limited is what gets one banned."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._until: dict[bytes, float] = {}  # hash of a token → monotonic

    def note(self, token: str, wait_s: float) -> None:
        """A token has to wait."""
        now = time.monotonic()
        with self._lock:
            self._until = {key: until for key, until in self._until.items() if until > now}
            self._until[_key(token)] = now + wait_s

    def check(self, token: str) -> None:
        """Raise RateLimited while a token has to wait."""
        with self._lock:
            wait_s = self._until.get(_key(token), 0.0) - time.monotonic()
        if wait_s > 0:
            until = (utc_now() + timedelta(seconds=wait_s)).strftime("%H:%M:%S")
            raise RateLimited(f"GitHub's rate limit for this token is used up until {until} UTC", wait_s)


def _key(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def limited_s(answer: requests.Response, said: str) -> float | None:
    """How long to wait, in seconds, where an answer speaks of a rate limit; None where it does not.

    In the order of GitHub's "Best practices for using the REST API": Retry-After, then the reset of the primary limit,
    then a minute.
    """
    if answer.status_code not in (403, 429):
        return None
    after = answer.headers.get("Retry-After", "")
    if after.isdecimal():
        return max(1.0, float(after))
    reset = answer.headers.get("X-RateLimit-Reset", "")
    if answer.headers.get("X-RateLimit-Remaining") == "0" and reset.isdecimal():
        return max(1.0, float(reset) - time.time())
    return SECONDARY_LIMIT_S if answer.status_code == 429 or "rate limit" in said.lower() else None


def _pieces(answer: requests.Response) -> Iterator[bytes]:
    try:
        yield from answer.iter_content(_PIECE_BYTES)
    except requests.RequestException as error:
        what = f"GitHub's answer to {answer.request.path_url}"
        raise InfrastructureError(f"{what} broke off: {cause_of(error)}") from error


def read_json(answer: requests.Response) -> Any:
    """An answer's JSON; raises InfrastructureError where it is none."""
    try:
        return answer.json()
    except ValueError as error:
        raise InfrastructureError(f"GitHub's answer to {answer.request.path_url} is not JSON: {error}") from error


def message_of(answer: requests.Response) -> str:
    """What an error of GitHub says, on one line; for a 422 with its first reason."""
    try:
        body = answer.json()
        reasons = [str(each.get("message", "")) for each in body.get("errors", []) if isinstance(each, dict)]
        text = ": ".join(filter(None, [str(body.get("message", "")), *reasons[:1]]))
    except (ValueError, AttributeError, requests.RequestException):
        text = answer.reason or ""
    return " ".join(text.split())[:_LONGEST_MESSAGE]


def cause_of(error: requests.RequestException) -> str:
    """One line for an error that requests wraps several times."""
    match error:
        case requests.Timeout():
            return "it took too long"
        case requests.exceptions.SSLError():
            return f"its certificate is not trusted ({error})"
        case _:
            return f"{type(error).__name__}: {str(error)[:_LONGEST_MESSAGE]}"
