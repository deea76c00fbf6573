"""Who is asking: a JSON Web Token in the Authorization header, signed with AuthSecret."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import bottle
import jwt

from coordinator.api.errors import HttpError
from coordinator.tokens import TokenVault
from shared.errors import InputError

ALGORITHM = "HS256"
IDENTITY = "kontinuous.identity"
ENCRYPTED = "encrypted_access_token"
"""Holds an identity's access token in the tokens of logins, in place of `access_token`."""
LOCAL = "local"
"""Stands for an access token where there is no source host that wants one."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A caller whose token is signed: their access token at the source host, and a login name where the token has one.

    Whoever has AuthSecret can sign any name: it is believed only where the source host knows no users.
    """

    access_token: str = field(repr=False)
    login: str = ""


def identify(header: str, secret: bytes) -> Identity:
    """Check an Authorization header; raises HttpError 401 that says what is wrong with it.

    The payload is `{"identities": [{"access_token": …}]}`, optionally with `exp` and `sub`, or that of `issue_login`.
    The algorithm is pinned, so that a token cannot choose how it is checked.
    """
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise HttpError(401, "no_token", "send a token in the header `Authorization: Bearer {token}`")
    try:
        payload = jwt.decode(token.strip(), secret, algorithms=[ALGORITHM])
    except jwt.ExpiredSignatureError as error:
        raise HttpError(401, "token_expired", "the token has expired: make a new one") from error
    except jwt.InvalidTokenError as error:
        raise HttpError(401, "bad_token", f"the token is not valid: {error}") from error
    return _identity(payload, secret)


def _identity(payload: dict[str, Any], secret: bytes) -> Identity:
    login = str(payload.get("sub", ""))
    identities = payload.get("identities")
    first = identities[0] if isinstance(identities, list) and identities else None
    token = _access_token(first, login, secret) if isinstance(first, dict) else None
    if not isinstance(token, str) or not token:
        raise HttpError(401, "bad_token", 'the token\'s payload has no {"identities": [{"access_token": …}]}')
    if not (token.isascii() and token.isprintable()):
        raise HttpError(401, "bad_token", "the access_token in the token has a line's end or another odd letter in it")
    return Identity(token, login)


def _access_token(identity: dict[str, Any], login: str, secret: bytes) -> Any:
    sealed = identity.get(ENCRYPTED)
    if not isinstance(sealed, str):
        return identity.get("access_token")
    try:
        return TokenVault(secret).open_identity(login, sealed)
    except InputError as error:
        raise HttpError(401, "bad_token", f"the token is not valid: {error}") from error


def issue(secret: bytes, login: str, access_token: str = LOCAL) -> str:
    """Make a token for `login`, as README describes it."""
    return jwt.encode({"identities": [{"access_token": access_token}], "sub": login}, secret, algorithm=ALGORITHM)


def issue_login(secret: bytes, login: str, access_token: str, expires_at: datetime) -> str:
    """Make a token for who has logged in: until `expires_at` (to the second), and without the access token in clear."""
    identity = {ENCRYPTED: TokenVault(secret).seal_identity(login, access_token)}
    payload = {"identities": [identity], "sub": login, "exp": int(expires_at.timestamp())}
    return jwt.encode(payload, secret, algorithm=ALGORITHM)


class AuthPlugin:
    """Lets a request through to its route only with a valid token, unless the route is marked `public`."""

    name = "auth"
    api = 2

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def apply(self, callback: Callable[..., Any], route: Any) -> Callable[..., Any]:
        """Wrap one route, as Bottle asks of a plugin."""
        if route.config.get("public"):
            return callback

        def checked(*args: Any, **kwargs: Any) -> Any:
            # Bottle's own getter fails at what is no UTF-8.
            header = bottle.request.environ.get("HTTP_AUTHORIZATION", "")
            bottle.request.environ[IDENTITY] = identify(header, self._secret)
            return callback(*args, **kwargs)

        return checked


def caller() -> Identity:
    """The identity of the request at hand."""
    identity: Identity = bottle.request.environ[IDENTITY]
    return identity
