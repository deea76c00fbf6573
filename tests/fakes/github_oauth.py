"""GitHub's OAuth, as far as the stand-in has it: after "Authorizing OAuth apps" in GitHub's documentation.

The published description of the API does not have it; what a request may hold is listed here.
"""

import hashlib
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from tests.fakes.github_calls import Answer

TOKEN = "POST /login/oauth/access_token"
DEVICE = "POST /login/device/code"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
SCOPES = "repo admin:repo_hook user"
_CODE_FIELDS = ({"client_id", "client_secret", "code"}, {"redirect_uri", "code_verifier"})
_DEVICE_FIELDS = ({"client_id", "device_code", "grant_type"}, set[str]())
_BEGIN_FIELDS = ({"client_id", "scope"}, set[str]())


@dataclass
class Consent:
    """A person allowed the app to act for them; `challenge` is the PKCE challenge (S256), or ""."""

    login: str
    redirect_uri: str = ""
    challenge: str = ""


@dataclass
class Device:
    """A login at another device; `word` is the error while there is no consent."""

    user_code: str
    login: str = ""
    word: str = "authorization_pending"


class FakeOAuth:
    """One OAuth app. `add_user` makes a token for a login; `problems` takes what GitHub does not document."""

    def __init__(self, add_user: Callable[[str, str], str], problems: list[str]) -> None:
        self.client_id = "Iv1.8a61f9b3a7aba766"
        self.client_secret = secrets.token_hex(20)
        self.devices: dict[str, Device] = {}
        self.tokens: list[str] = []
        self._add_user = add_user
        self._problems = problems
        self._consents: dict[str, Consent] = {}

    def consent(self, login: str, redirect_uri: str = "", verifier: str = "") -> str:
        """Let a person allow the app to act for them; returns the code that they are sent back with."""
        code = secrets.token_hex(10)
        self._consents[code] = Consent(login, redirect_uri, _challenge(verifier))
        return code

    def enter(self, user_code: str, login: str = "", word: str = "") -> None:
        """Let a person enter a device's code and allow it, or let it end with GitHub's word for an error."""
        device = next(each for each in self.devices.values() if each.user_code == user_code)
        device.login, device.word = login, word

    def answer(self, operation: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer a request."""
        form = dict(parse_qsl(body.decode(), keep_blank_values=True))
        self._check_headers(operation, headers)
        if form.get("client_id") != self.client_id:
            return Answer(404, {"error": "Not Found"})
        if operation == DEVICE:
            self._check_fields(operation, form, *_BEGIN_FIELDS)
            return self._begin()
        if operation != TOKEN:
            self._problems.append(f"{operation} is not documented")
            return Answer(404, {"error": "Not Found"})
        if "device_code" in form:
            self._check_fields(operation, form, *_DEVICE_FIELDS)
            return self._poll(form)
        self._check_fields(operation, form, *_CODE_FIELDS)
        return self._exchange(form)

    def _check_headers(self, operation: str, headers: Mapping[str, str]) -> None:
        wanted = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
        for name, value in wanted.items():
            if headers.get(name) != value:
                self._problems.append(f"{operation}: {name} is {headers.get(name)!r}, not {value!r}")
        if headers.get("Authorization"):
            self._problems.append(f"{operation}: there is an Authorization header")

    def _check_fields(self, operation: str, form: Mapping[str, str], required: set[str], optional: set[str]) -> None:
        names = set(form)
        if not required <= names <= required | optional:
            self._problems.append(f"{operation}: the fields are {sorted(names)}")

    def _begin(self) -> Answer:
        device_code, user_code = secrets.token_hex(20), secrets.token_hex(2) + "-" + secrets.token_hex(2)
        self.devices[device_code] = Device(user_code.upper())
        about = {"verification_uri": "https://github.com/login/device", "expires_in": 900, "interval": 5}
        return Answer(200, {"device_code": device_code, "user_code": user_code.upper(), **about})

    def _poll(self, form: Mapping[str, str]) -> Answer:
        device = self.devices.get(form["device_code"])
        if form["grant_type"] != DEVICE_GRANT:
            return _error("unsupported_grant_type")
        if device is None:
            return _error("incorrect_device_code")
        if device.word:
            return _error(device.word)
        del self.devices[form["device_code"]]
        return self._token(device.login)

    def _exchange(self, form: Mapping[str, str]) -> Answer:
        if form["client_secret"] != self.client_secret:
            return _error("incorrect_client_credentials")
        consent = self._consents.get(form["code"])
        if consent is None or consent.challenge != _challenge(form.get("code_verifier", "")):
            return _error("bad_verification_code")
        if form.get("redirect_uri", consent.redirect_uri) != consent.redirect_uri:
            return _error("redirect_uri_mismatch")
        del self._consents[form["code"]]
        return self._token(consent.login)

    def _token(self, login: str) -> Answer:
        token = self._add_user(login, f"gho_{secrets.token_hex(18)}")
        self.tokens.append(token)
        return Answer(200, {"access_token": token, "scope": SCOPES.replace(" ", ","), "token_type": "bearer"})


def _challenge(verifier: str) -> str:
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=") if verifier else ""


def _error(word: str) -> Answer:
    """GitHub's refusal: a 200, too."""
    body: dict[str, Any] = {
        "error": word,
        "error_description": f"It is refused: {word}.",
        "error_uri": "https://docs.github.com/apps",
    }
    return Answer(200, body)
