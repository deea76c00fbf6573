"""A kontinuous somewhere else, as the environment or the file of `kontinuous login` names it.

KONTINUOUS_URL and a token, or what one is made of; each variable takes the place of what is in the file.
"""

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from cli.client import Client
from cli.config import Config, read_config
from shared.errors import InputError

URL = "KONTINUOUS_URL"
TOKEN = "KONTINUOUS_TOKEN"
AUTH_SECRET = "KONTINUOUS_AUTH_SECRET"
GITHUB_TOKEN = "GITHUB_TOKEN"
LOCAL = "local"
"""As KONTINUOUS_URL: this machine's own, whatever was saved."""

_PATH = re.compile(r"[^\s/?#]+(/[!-~]*)?")
_TOKEN = re.compile(r"[!-~]+")
_SCP = re.compile(r"(?:[^@/]+@)?(?P<host>[^/:]+):(?P<path>[^/].*)")
"""git's short form of an SSH address: `git@github.com:owner/name.git`."""


@dataclass(frozen=True, slots=True)
class Remote:
    """Where it is, and who we are there."""

    url: str
    token: str = field(repr=False)

    def client(self) -> Client:
        """A client of it."""
        return Client(self.url, self.token)


def named_remote(environment: Mapping[str, str]) -> Remote | None:
    """The kontinuous that commands talk to, or None for this machine's own; raises InputError where it is half named.

    The token is KONTINUOUS_TOKEN, or is made, as README describes, from KONTINUOUS_AUTH_SECRET and GITHUB_TOKEN.
    """
    saved = read_config(environment)
    url = named(environment, URL) or saved.url
    if url in ("", LOCAL):
        return None
    check_url(url)
    if url.rstrip("/") != saved.url.rstrip("/"):
        saved = Config()  # what was saved for one server is not sent to another
    secret = named(environment, AUTH_SECRET)
    if token := named(environment, TOKEN) or ("" if secret else saved.token):
        return Remote(url, checked_token(token))
    secret, access_token = secret or saved.auth_secret, named(environment, GITHUB_TOKEN) or saved.github_token
    if not secret or not access_token:
        raise InputError(
            f"there is no token for {url}: run `kontinuous login {url}`, or set {TOKEN}, "
            f"or {AUTH_SECRET} and {GITHUB_TOKEN}"
        )
    return Remote(url, mint(secret, access_token))


def named(environment: Mapping[str, str], variable: str) -> str:
    """A variable's value, "" where it is not set, without the blanks and line ends that a file of variables leaves."""
    return environment.get(variable, "").strip()


def check_url(url: str) -> None:
    """Raise InputError where this is no address of a server, or holds a password, which is not shown then."""
    if "@" in url:
        raise InputError(f"an address of kontinuous holds no user and password: write it without them ({URL})")
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna")
        parts.port  # noqa: B018  # it raises where there is none
    except ValueError as error:
        raise InputError(f"{url!r} is not an address: {error} ({URL})") from error
    if parts.scheme not in ("http", "https") or not host or not _PATH.fullmatch(url.partition("://")[2]):
        raise InputError(f"{url!r} is not an address such as http://kontinuous:3005 ({URL})")


def checked_token(token: str) -> str:
    """The token of the API, if it can be sent at all; raises InputError, which does not show it."""
    if not _TOKEN.fullmatch(token):
        raise InputError(f"the token of the API ({TOKEN}) holds blanks, or characters other than ASCII: copy it anew")
    return token


def origin() -> str:
    """The repository of the current folder as its remote `origin` has it, `host/owner/name`; raises InputError."""
    words = ["git", "remote", "get-url", "origin"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False)
    except OSError as error:
        problem = f"git cannot be run ({error.strerror})"
        raise InputError(f"{problem}: install it, or name the build as HOST/OWNER/NAME/NUMBER") from error
    address = done.stdout.strip()
    repository = repository_of(address) if done.returncode == 0 else ""
    if not repository:
        raise InputError("this folder has no remote `origin` on a Git host: name the build as HOST/OWNER/NAME/NUMBER")
    return repository


def repository_of(address: str) -> str:
    """`host/owner/name` of a git address, over HTTP or SSH; "" where it is another kind of address."""
    short = _SCP.fullmatch(address) if "://" not in address else None
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    host, path = (short["host"], short["path"]) if short else (parts.hostname or "", parts.path)
    repository = "/".join((host, path.strip("/").removesuffix(".git")))
    return repository if re.fullmatch(r"[^/]+/[^/]+/[^/]+", repository) else ""


def mint(secret: str, access_token: str) -> str:
    """A JSON Web Token as README describes it; raises InputError where AuthSecret is none."""
    import jwt

    from shared.auth_secret import read_auth_secret

    try:
        key = read_auth_secret(secret)
    except InputError as error:
        raise InputError(f"{error} ({AUTH_SECRET})") from error
    return jwt.encode({"identities": [{"access_token": access_token}]}, key, algorithm="HS256")
