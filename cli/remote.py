"""A kontinuous somewhere else, as the environment names it: KONTINUOUS_URL, and a token or what one is made of."""

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from cli.client import Client
from shared.errors import InputError

URL = "KONTINUOUS_URL"
TOKEN = "KONTINUOUS_TOKEN"
AUTH_SECRET = "KONTINUOUS_AUTH_SECRET"
GITHUB_TOKEN = "GITHUB_TOKEN"

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


def from_environment(environment: Mapping[str, str]) -> Remote | None:
    """The kontinuous that commands talk to, or None for this machine's own; raises InputError where it is half named.

    The token is KONTINUOUS_TOKEN, or is made, as README describes, from KONTINUOUS_AUTH_SECRET and GITHUB_TOKEN.
    """
    url = environment.get(URL, "")
    if not url:
        return None
    if urlsplit(url).scheme not in ("http", "https"):
        raise InputError(f"{URL} is {url!r}, not an address such as http://kontinuous:3005")
    if token := environment.get(TOKEN, ""):
        return Remote(url, token)
    secret, access_token = environment.get(AUTH_SECRET, ""), environment.get(GITHUB_TOKEN, "")
    if not secret or not access_token:
        raise InputError(f"{URL} is set, so {TOKEN} must be, or both {AUTH_SECRET} and {GITHUB_TOKEN}")
    return Remote(url, _mint(secret, access_token))


def origin() -> str:
    """The repository of the current folder as its remote `origin` has it, `host/owner/name`; raises InputError."""
    words = ["git", "remote", "get-url", "origin"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    address = done.stdout.strip()
    repository = repository_of(address) if done.returncode == 0 else ""
    if not repository:
        raise InputError("this folder has no remote `origin` on a Git host: name the build as HOST/OWNER/NAME/NUMBER")
    return repository


def repository_of(address: str) -> str:
    """`host/owner/name` of a git address, over HTTP or SSH; "" where it is another kind of address."""
    short = _SCP.fullmatch(address) if "://" not in address else None
    parts = urlsplit(address)
    host, path = (short["host"], short["path"]) if short else (parts.hostname or "", parts.path)
    repository = "/".join((host, path.strip("/").removesuffix(".git")))
    return repository if re.fullmatch(r"[^/]+/[^/]+/[^/]+", repository) else ""


def _mint(secret: str, access_token: str) -> str:
    import jwt

    from shared.base64_text import decode_base64

    try:
        key = decode_base64(secret)
    except ValueError as error:
        raise InputError(f"{AUTH_SECRET} is not base64: {error}") from error
    return jwt.encode({"identities": [{"access_token": access_token}]}, key, algorithm="HS256")
