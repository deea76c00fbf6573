"""GitHub's OAuth, as its "Authorizing OAuth apps" describes it: access tokens for codes, and for other devices."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import NoReturn, TypedDict, TypeVar

import msgspec
import requests

from coordinator.github_api import TIMEOUTS_S, cause_of, limited_s, message_of, read_json
from coordinator.links import authorize_url
from shared.errors import InfrastructureError, InputError, RateLimited, Unsupported

SCOPES = ("repo", "admin:repo_hook", "user")
"""What README asks of a token."""
PENDING = frozenset({"authorization_pending", "slow_down"})
"""What GitHub says of a device until a person has entered its code."""
_DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_OURS = {
    "incorrect_client_credentials": "GITHUB_CLIENT_ID and GitHubClientSecret are not those of an OAuth app there",
    "redirect_uri_mismatch": "the OAuth app's callback URL does not allow this redirect_uri",
    "device_flow_disabled": "the OAuth app's settings do not enable the device flow",
}
"""What an operator can mend, and how."""


T = TypeVar("T")


class LoginRefused(InputError):
    """GitHub does not log this person in (yet); `word` is its machine word for why."""

    def __init__(self, word: str, message: str) -> None:
        super().__init__(message)
        self.word = word


@dataclass(frozen=True, slots=True)
class Device:
    """A login that a person allows elsewhere, by entering `user_code` at an address. Times are in seconds."""

    device_code: str = field(repr=False)
    user_code: str
    verification_uri: str
    expires_in: int
    interval: int


class _Token(TypedDict):
    access_token: str


class _Refusal(TypedDict, total=False):
    error: str
    error_description: str


class GitHubOAuth:
    """One OAuth app at one GitHub. Thread-safe.

    Raises LoginRefused, Unsupported where the app is not set up for it, RateLimited, and InfrastructureError where
    GitHub fails or does not answer.
    """

    def __init__(
        self, github_url: str, client_id: str, client_secret: str, timeouts_s: tuple[float, float] = TIMEOUTS_S
    ) -> None:
        """`github_url` is where people see GitHub; the timeouts are `GitHubApi`'s."""
        self.client_id = client_id
        self.authorize_url = authorize_url(github_url, client_id, SCOPES)
        self._url = github_url
        self._secret = client_secret
        self._timeouts_s = timeouts_s

    def exchange(self, code: str, redirect_uri: str = "", code_verifier: str = "") -> str:
        """The access token for a code that a person came back with."""
        given = {"code": code, "redirect_uri": redirect_uri, "code_verifier": code_verifier}
        return self._token({"client_secret": self._secret, **given})

    def begin_device(self) -> Device:
        """Begin a login at another device."""
        return self._ask("/login/device/code", {"scope": " ".join(SCOPES)}, Device)

    def poll_device(self, device_code: str) -> str:
        """The access token of a login at another device; LoginRefused has a word of PENDING until there is one."""
        return self._token({"device_code": device_code, "grant_type": _DEVICE_GRANT})

    def _token(self, fields: Mapping[str, str]) -> str:
        return self._ask("/login/oauth/access_token", fields, _Token)["access_token"]

    def _ask(self, path: str, fields: Mapping[str, str], kind: type[T]) -> T:
        """Send a form; returns the answer's fields. GitHub answers 200 to what it refuses, too."""
        form = {name: value for name, value in {"client_id": self.client_id, **fields}.items() if value}
        headers = {"Accept": "application/json", "User-Agent": "kontinuous"}
        try:
            answer = requests.post(
                self._url + path,
                data=form,
                headers=headers,
                auth=_as_it_is,
                timeout=self._timeouts_s,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise InfrastructureError(f"GitHub at {self._url} does not answer: {cause_of(error)}") from error
        if answer.status_code != HTTPStatus.OK:
            self._raise_failure(answer, path)
        found = read_json(answer)
        try:
            refusal = msgspec.convert(found, _Refusal)
            if "error" in refusal:
                self._raise_refusal(refusal["error"], refusal.get("error_description", ""))
            return msgspec.convert(found, kind)
        except msgspec.ValidationError as error:
            raise InfrastructureError(f"GitHub's answer to {path} is not as documented: {error}") from error

    @staticmethod
    def _raise_failure(answer: requests.Response, path: str) -> NoReturn:
        said = message_of(answer)
        wait_s = limited_s(answer, said)
        if wait_s is not None:
            raise RateLimited(f"GitHub's rate limit for logins is used up: try again in {wait_s:.0f} s", wait_s)
        if answer.status_code == HTTPStatus.NOT_FOUND:
            raise Unsupported(f"GitHub has nothing at {path} for the OAuth app that GITHUB_CLIENT_ID names ({said})")
        raise InfrastructureError(f"GitHub fails at {path}: {answer.status_code} {said}")

    @staticmethod
    def _raise_refusal(word: str, said: str) -> NoReturn:
        if word in _OURS:
            raise Unsupported(f"GitHub refuses the login: {_OURS[word]} ({said or word})")
        raise LoginRefused(word, f"GitHub refuses the login: {said or word}")


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """The request, so that no login of a .netrc is added to it."""
    return request
