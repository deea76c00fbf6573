"""Who may ask: tokens made by hand as README says, and everything that is none."""

import base64
import hashlib
import hmac
import json
import time
from datetime import timedelta
from typing import Any

import jwt
import pytest

from coordinator.api.auth import ENCRYPTED, identify, issue, issue_login
from coordinator.api.errors import HttpError
from coordinator.tokens import TokenVault
from shared.base64_text import decode_base64
from shared.clock import utc_now

AUTH_SECRET = base64.b64encode(bytes(range(100, 148))).decode()
SECRET = decode_base64(AUTH_SECRET)
PAYLOAD = {"identities": [{"access_token": "github token"}]}


def encoded(value: Any) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def by_hand(payload: Any = PAYLOAD, header: Any = None, auth_secret: str = AUTH_SECRET) -> str:
    """A token as README describes it, `secret base64 encoded` ticked: no library of ours has a part in it."""
    signed = f"{encoded(header or {'alg': 'HS256', 'typ': 'JWT'})}.{encoded(payload)}"
    signature = hmac.new(base64.b64decode(auth_secret), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{encoded(signature)}"


def refused(header: str) -> HttpError:
    with pytest.raises(HttpError) as error:
        identify(header, SECRET)
    assert error.value.status == 401
    return error.value


def test_a_token_made_as_readme_says_is_taken() -> None:
    identity = identify(f"Bearer {by_hand()}", SECRET)
    assert (identity.access_token, identity.login) == ("github token", "")


def test_a_login_and_a_time_of_expiry_are_read() -> None:
    token = by_hand({**PAYLOAD, "sub": "ann", "exp": int(time.time()) + 60})
    assert identify(f"bearer  {token} ", SECRET).login == "ann"


def test_a_token_of_our_own_is_readmes() -> None:
    head, payload, _ = (part + "=" * (-len(part) % 4) for part in issue(SECRET, "ann", "t").split("."))
    assert json.loads(base64.urlsafe_b64decode(head)) == {"alg": "HS256", "typ": "JWT"}
    assert json.loads(base64.urlsafe_b64decode(payload)) == {"identities": [{"access_token": "t"}], "sub": "ann"}
    assert identify(f"Bearer {issue(SECRET, 'ann', 't')}", SECRET).access_token == "t"


def test_a_logins_token_holds_its_access_token_encrypted() -> None:
    token = issue_login(SECRET, "ann", "github token", utc_now() + timedelta(minutes=1))
    identity = identify(f"Bearer {token}", SECRET)
    assert (identity.access_token, identity.login) == ("github token", "ann")
    payload = base64.urlsafe_b64decode(token.split(".")[1] + "==")
    assert (ENCRYPTED.encode() in payload, b"github token" in payload) == (True, False)


def test_a_logins_token_expires() -> None:
    token = issue_login(SECRET, "ann", "github token", utc_now() - timedelta(seconds=1))
    assert refused(f"Bearer {token}").code == "token_expired"


@pytest.mark.parametrize("login", ["ben", "", "ann "])
def test_an_encrypted_token_opens_for_no_other_login(login: str) -> None:
    sealed = TokenVault(SECRET).seal_identity("ann", "github token")
    token = by_hand({"identities": [{ENCRYPTED: sealed}], "sub": login})
    assert "cannot be decrypted" in str(refused(f"Bearer {token}"))


@pytest.mark.parametrize("sealed", ["", "v1.", "v1.AAAA", "ü", "github token"])
def test_what_was_not_encrypted_by_us_is_refused(sealed: str) -> None:
    token = by_hand({"identities": [{ENCRYPTED: sealed, "access_token": "github token"}]})
    assert refused(f"Bearer {token}").code == "bad_token"


def test_the_access_token_is_not_shown() -> None:
    assert "github token" not in repr(identify(f"Bearer {by_hand()}", SECRET))


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", by_hand(), f"Token {by_hand()}"])
def test_a_header_without_a_bearer_token_says_what_to_send(header: str) -> None:
    error = refused(header)
    assert (error.code, str(error)) == ("no_token", "send a token in the header `Authorization: Bearer {token}`")


@pytest.mark.parametrize(
    "token",
    [
        by_hand(auth_secret=base64.b64encode(b"another" * 6).decode()),
        by_hand(auth_secret=base64.b64encode(AUTH_SECRET.encode()).decode()),  # the text of the secret as the key
        by_hand()[:-2],
        by_hand() + "A",
        by_hand().rsplit(".", 1)[0] + ".",
        by_hand().replace(".", ""),
        "ä.ö.ü",
        "\x00",
        by_hand(header={"alg": "none", "typ": "JWT"}),
        f"{encoded({'alg': 'none'})}.{encoded(PAYLOAD)}.",
        by_hand(header={"alg": "HS512"}),
        jwt.encode(PAYLOAD, SECRET, algorithm="HS384"),
        by_hand(header={"typ": "JWT"}),
        by_hand(b"not json"),
        by_hand([PAYLOAD]),
        by_hand({**PAYLOAD, "sub": 7}),
        by_hand({**PAYLOAD, "exp": "soon"}),
        by_hand({**PAYLOAD, "nbf": int(time.time()) + 3600}),
    ],
)
def test_a_token_that_does_not_hold_is_refused(token: str) -> None:
    assert refused(f"Bearer {token}").code == "bad_token"


def test_an_expired_token_says_so() -> None:
    assert refused(f"Bearer {by_hand({**PAYLOAD, 'exp': int(time.time()) - 1})}").code == "token_expired"


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"identities": []},
        {"identities": {}},
        {"identities": None},
        {"identities": ["github token"]},
        {"identities": [{}]},
        {"identities": [{"access_token": ""}]},
        {"identities": [{"access_token": 7}]},
    ],
)
def test_a_token_without_identities_is_refused(payload: Any) -> None:
    assert "identities" in str(refused(f"Bearer {by_hand(payload)}"))
