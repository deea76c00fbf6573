"""What registries say: who may log in, and whose fault it is when one refuses."""

import re
from dataclasses import dataclass, field
from enum import Enum, auto


@dataclass(frozen=True, slots=True)
class Credentials:
    """A login at a registry. `email` may be ""; the password is never shown."""

    username: str
    password: str = field(repr=False)
    email: str = ""


class Trouble(Enum):
    """Why a registry did not give or take an image."""

    UNREACHABLE = auto()
    REFUSED = auto()
    MISSING = auto()
    OTHER = auto()


# The words of Docker engines 20.10 to 28, of BuildKit, and of the registries behind them. The first that fits counts:
# `dial tcp: lookup x: no such host` is no missing image, `pull access denied … does not exist` may be both.
_WORDS = (
    (
        Trouble.UNREACHABLE,
        (
            r"dial tcp|no such host|server misbehaving|connection (refused|reset)|broken pipe|no route to host|"
            r"network is unreachable|timeout|deadline exceeded|\bEOF\b|x509:|tls:|HTTP response to HTTPS client|"
            r"toomanyrequests|too many requests|\b50[0234]\b|internal server error|service unavailable|bad gateway|"
            r"no space left on device"
        ),
    ),
    (
        Trouble.REFUSED,
        (
            r"unauthorized|authentication required|authorization failed|no basic auth credentials|denied|forbidden|"
            r"incorrect username or password|\b40[13]\b"
        ),
    ),
    (Trouble.MISSING, r"not found|manifest unknown|name unknown|repository name not known|does not exist|\b404\b"),
)


def trouble_of(words: str) -> Trouble:
    """Read a registry's (or an engine's) words about an image it could not push or pull."""
    for trouble, pattern in _WORDS:
        if re.search(pattern, words, re.IGNORECASE):
            return trouble
    return Trouble.OTHER
