"""Routes of logging in through GitHub: they want no token, they give one."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import cast

import bottle

from coordinator.api.errors import HttpError, JsonBottle
from coordinator.api.operation import Operation
from coordinator.api.requests import read_body
from coordinator.github_oauth import PENDING, SCOPES, LoginRefused
from coordinator.logins import LoggedIn, Logins
from shared import api_records

LOGIN = "/api/v1/login"


def add_routes(app: JsonBottle, logins: Logins) -> None:
    """Add the routes."""

    @app.get(LOGIN, public=True, operation=Operation(errors=(409,)))
    def read_login() -> api_records.LoginOffer:
        """Read where to send a person who wants to log in."""
        oauth = logins.oauth
        return {"client_id": oauth.client_id, "authorize_url": oauth.authorize_url, "scopes": list(SCOPES)}

    @app.post(LOGIN, public=True, operation=Operation(body=api_records.LoginCode, errors=(401, 409)))
    def log_in() -> api_records.LoginToken:
        """Log in with the code that GitHub sent a person back with; who sent them there compares `state`."""
        body = read_body(api_records.LoginCode)
        with _refusals():
            return _answer(logins.by_code(body["code"], body.get("redirect_uri", ""), body.get("code_verifier", "")))

    @app.post(f"{LOGIN}/device", public=True, operation=Operation(errors=(401, 409)))
    def begin_device_login() -> api_records.DeviceLogin:
        """Begin a login that a person allows at another device, as a command line wants it."""
        with _refusals():
            return cast(api_records.DeviceLogin, asdict(logins.begin_device()))

    @app.post(f"{LOGIN}/device/token", public=True, operation=Operation(body=api_records.DeviceCode, errors=(401, 409)))
    def finish_device_login() -> api_records.LoginToken:
        """Log in at another device: 409 `authorization_pending` or `slow_down` until the person has allowed it."""
        with _refusals():
            return _answer(logins.by_device(read_body(api_records.DeviceCode)["device_code"]))


def _answer(logged_in: LoggedIn) -> api_records.LoginToken:
    bottle.response.set_header("Cache-Control", "no-store")
    return cast(api_records.LoginToken, asdict(logged_in))


@contextmanager
def _refusals() -> Iterator[None]:
    """GitHub's word for a refusal is the error's code."""
    try:
        yield
    except LoginRefused as error:
        raise HttpError(409 if error.word in PENDING else 401, error.word, str(error)) from error
