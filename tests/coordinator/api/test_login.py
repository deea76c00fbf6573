"""Logging in through GitHub: tokens of ours that hold no token of GitHub's in clear, and every refusal in words."""

import base64
import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from coordinator.github import GitHub
from coordinator.github_oauth import GitHubOAuth
from tests.coordinator.api.api_server import PIPELINES, Server
from tests.coordinator.api.front_door import TIMEOUTS_S, FrontDoor
from tests.coordinator.api.test_api import error_of
from tests.fakes.github import FakeGitHub
from tests.fakes.github_oauth import DEVICE, TOKEN

LOGIN = "/api/v1/login"
WEEK_S = 7 * 24 * 3600
NOBODY: dict[str, str] = {}


def log_in(door: FrontDoor, code: str, **body: str) -> requests.Response:
    return door.server.ask("POST", LOGIN, headers=NOBODY, json={"code": code, **body})


def poll(door: FrontDoor, device_code: str) -> requests.Response:
    return door.server.ask("POST", f"{LOGIN}/device/token", headers=NOBODY, json={"device_code": device_code})


def begin(door: FrontDoor) -> dict[str, Any]:
    answer = door.server.ask("POST", f"{LOGIN}/device", headers=NOBODY)
    assert answer.status_code == 200, answer.text
    begun: dict[str, Any] = answer.json()
    return begun


def payload_of(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    payload: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return payload


def with_token(door: FrontDoor, token: str, method: str, path: str, **options: Any) -> requests.Response:
    return door.server.ask(method, path, headers={"Authorization": f"Bearer {token}"}, **options)


def test_a_code_becomes_a_token_that_works_and_holds_no_token_of_githubs(door: FrontDoor) -> None:
    answer = log_in(door, door.github.oauth.consent("ann"))
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    made = answer.json()
    assert (set(made), made["login"]) == ({"token", "login", "expires_at"}, "ann")
    (access_token,) = door.github.oauth.tokens
    payload = payload_of(made["token"])
    assert set(payload) == {"identities", "sub", "exp"}
    assert payload["sub"] == "ann"
    assert WEEK_S - 60 < payload["exp"] - time.time() <= WEEK_S
    assert access_token not in json.dumps(payload) + answer.text
    created = with_token(door, made["token"], "POST", PIPELINES, json={"repository": str(door.repository)})
    assert created.status_code == 201, created.text
    build = with_token(door, made["token"], "POST", door.builds, json={})
    assert build.json()["trigger"]["actor"] == "ann"


def test_rights_are_those_of_who_logged_in(door: FrontDoor) -> None:
    door.create_pipeline()
    for login, status in (("ben", 201), ("cat", 403), ("eve", 404)):
        token = log_in(door, door.github.oauth.consent(login)).json()["token"]
        assert with_token(door, token, "POST", door.builds, json={}).status_code == status


def test_the_way_to_github_is_told_to_everybody(door: FrontDoor) -> None:
    offer = door.server.ask("GET", LOGIN, headers=NOBODY).json()
    assert (offer["client_id"], offer["scopes"]) == (door.github.oauth.client_id, ["repo", "admin:repo_hook", "user"])
    url = urlsplit(offer["authorize_url"])
    assert f"{url.scheme}://{url.netloc}{url.path}" == f"{door.github.url}/login/oauth/authorize"
    assert parse_qs(url.query) == {"client_id": [offer["client_id"]], "scope": ["repo admin:repo_hook user"]}
    assert door.github.oauth.client_secret not in json.dumps(offer)


def test_github_com_is_asked_at_its_own_address() -> None:
    oauth = GitHubOAuth("https://github.com", "id", "secret")
    assert oauth.authorize_url.startswith("https://github.com/login/oauth/authorize?client_id=id&scope=")


def test_a_redirect_and_a_verifier_of_the_way_there_are_passed_on(door: FrontDoor) -> None:
    code = door.github.oauth.consent("ann", "http://127.0.0.1:7000/back", "v" * 43)
    body = {"redirect_uri": "http://127.0.0.1:7000/back", "code_verifier": "v" * 43, "state": "of the caller's own"}
    error_of(log_in(door, code, **{**body, "code_verifier": "w" * 43}), 401, "bad_verification_code")
    mismatch = log_in(door, code, **{**body, "redirect_uri": "http://127.0.0.1:7000/other"})
    assert "callback URL" in error_of(mismatch, 409, "unsupported")
    assert log_in(door, code, **body).status_code == 200


def test_a_code_counts_once(door: FrontDoor) -> None:
    code = door.github.oauth.consent("ann")
    assert log_in(door, code).status_code == 200
    for wrong in (code, "nope", "ü&client_id=x"):
        assert "bad_verification_code" in error_of(log_in(door, wrong), 401, "bad_verification_code")


def test_a_body_without_a_code_is_refused(door: FrontDoor) -> None:
    for body in ({}, {"code": ""}, {"code": 7}, {"code": None}, {"code": "x", "redirect_uri": 7}):
        error_of(door.server.ask("POST", LOGIN, headers=NOBODY, json=body), 400, "bad_field")
    for text in (b'{"code": "\\ud800"}', b"{", b"[]", b"\xff"):
        error_of(door.server.ask("POST", LOGIN, headers=NOBODY, data=text), 400, "bad_json")


def test_a_device_logs_in_once_a_person_has_allowed_it(door: FrontDoor) -> None:
    begun = begin(door)
    assert set(begun) == {"device_code", "user_code", "verification_uri", "expires_in", "interval"}
    error_of(poll(door, begun["device_code"]), 409, "authorization_pending")
    door.github.oauth.enter(begun["user_code"], word="slow_down")
    error_of(poll(door, begun["device_code"]), 409, "slow_down")
    door.github.oauth.enter(begun["user_code"], "ben")
    made = poll(door, begun["device_code"]).json()
    assert made["login"] == "ben"
    assert with_token(door, made["token"], "GET", PIPELINES).status_code == 200


@pytest.mark.parametrize("word", ["access_denied", "expired_token"])
def test_a_device_that_is_not_allowed_is_refused(door: FrontDoor, word: str) -> None:
    begun = begin(door)
    door.github.oauth.enter(begun["user_code"], word=word)
    error_of(poll(door, begun["device_code"]), 401, word)
    error_of(poll(door, "nope"), 401, "incorrect_device_code")


def test_what_the_operator_has_to_mend_is_said(door: FrontDoor) -> None:
    code, begun = door.github.oauth.consent("ann"), begin(door)
    door.github.oauth.enter(begun["user_code"], word="device_flow_disabled")
    assert "enable the device flow" in error_of(poll(door, begun["device_code"]), 409, "unsupported")
    door.github.oauth.client_secret = "another"
    message = error_of(log_in(door, code), 409, "unsupported")
    assert "GITHUB_CLIENT_ID and GitHubClientSecret" in message
    door.github.oauth.client_id = "another"
    assert "GITHUB_CLIENT_ID" in error_of(log_in(door, code), 409, "unsupported")


@pytest.mark.parametrize("trouble", ["gone", "hangs", "fails", "limited", "moved"])
def test_while_github_fails_the_answer_is_503_and_says_so(door: FrontDoor, trouble: str) -> None:
    code = door.github.oauth.consent("ann")
    if trouble == "moved":
        door.github.fail(TOKEN, 301)
        door.github.fail(DEVICE, 301)
    else:
        door.github.trouble(trouble)
    words = {"gone": "does not answer", "hangs": "took too long", "limited": "rate limit"}
    for answer in (log_in(door, code), door.server.ask("POST", f"{LOGIN}/device", headers=NOBODY)):
        assert words.get(trouble, "GitHub fails") in error_of(answer, 503, "unavailable")


def test_a_github_that_answers_something_else_is_a_failure_of_githubs(door: FrontDoor) -> None:
    door.github.fail(TOKEN, 200, "hello")
    assert "is not as documented" in error_of(log_in(door, "x"), 503, "unavailable")


def test_a_token_whose_access_was_taken_back_is_refused(door: FrontDoor) -> None:
    made = log_in(door, door.github.oauth.consent("ann")).json()
    door.github.users.pop(door.github.oauth.tokens[0])
    error_of(with_token(door, made["token"], "GET", f"{PIPELINES}/{door.repository}"), 401, "github_token")


@pytest.fixture
def without_app(github: FakeGitHub) -> Iterator[Server]:
    server = Server(github=GitHub(github.url, TIMEOUTS_S), github_url=github.url)
    yield server
    server.close()


def test_without_an_oauth_app_the_answer_says_what_to_set(without_app: Server, idle_server: Server) -> None:
    for server in (without_app, idle_server):
        for method, path, body in (
            ("GET", "", {}),
            ("POST", "", {"code": "x"}),
            ("POST", "/device", {}),
            ("POST", "/device/token", {"device_code": "x"}),
        ):
            answer = server.ask(method, LOGIN + path, headers=NOBODY, json=body)
            assert "GITHUB_CLIENT_ID" in error_of(answer, 409, "unsupported")
