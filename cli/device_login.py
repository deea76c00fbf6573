"""A login through GitHub from a terminal: a person enters a code at GitHub, while the service is asked for the token.

The routes are `/api/v1/login/device` and `/api/v1/login/device/token`; a service without an OAuth app answers the first
with an error, and then there is no such login.
"""

import time
from collections.abc import Callable
from typing import cast

from cli.client import Client, Refused
from cli.screen import Screen
from shared.api_records import DeviceLogin, LoginToken
from shared.errors import Conflict, InputError, Interrupted, NotFound

SLOW_DOWN = "slow_down"
PENDING = ("authorization_pending", SLOW_DOWN)
SLOWER_S = 5
"""What GitHub's `slow_down` asks for, more between two questions."""


def device_login(client: Client, screen: Screen, sleep: Callable[[float], None] = time.sleep) -> str:
    """The token of the API, or "" where the service offers no such login; raises what the service says of a refusal."""
    try:
        begun = cast(DeviceLogin, client.post("/api/v1/login/device", {}))
    except (Conflict, NotFound):
        return ""
    screen.line(f"Open {begun['verification_uri']} and enter the code {begun['user_code']}")
    try:
        return _wait(client, begun, screen, sleep)
    except KeyboardInterrupt as error:
        raise Interrupted("you are not logged in") from error
    finally:
        screen.status("")


def _wait(client: Client, begun: DeviceLogin, screen: Screen, sleep: Callable[[float], None]) -> str:
    interval_s, end = begun["interval"], time.monotonic() + begun["expires_in"]
    while time.monotonic() < end:
        screen.status(f"    waiting for GitHub, {end - time.monotonic():.0f} s are left")
        sleep(interval_s)
        try:
            body = {"device_code": begun["device_code"]}
            return cast(LoginToken, client.post("/api/v1/login/device/token", body))["token"]
        except Refused as error:
            if error.word not in PENDING:
                raise
            interval_s += SLOWER_S if error.word == SLOW_DOWN else 0
    raise InputError("the code was not entered in time; run `kontinuous login` again")
