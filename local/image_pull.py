"""Pulling a pod's image, with what went wrong told apart: no such image, a wrong name, a registry that is away."""

import base64
import json
import re
import time
from collections.abc import Callable
from threading import Event
from typing import NamedTuple

from local.pod_engine import NOT_FOUND, EngineError, PodEngine
from local.pod_state import Verdict, Waiting

PATIENCE_S = 120.0
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 15.0

_INVALID = re.compile(r"invalid reference format|invalid tag format|must be lowercase|invalid checksum digest", re.I)
_REFUSED = re.compile(
    r"manifest unknown|not found|does not exist|unauthorized|authentication required|access denied|no basic auth"
    r"|name unknown|no matching manifest|requested access to the resource is denied",
    re.IGNORECASE,
)


class RegistryLogin(NamedTuple):
    """The login for one registry; `registry` is its `host:port` as images name it."""

    registry: str
    user: str
    password: str


class ImagePuller:
    """Pulls images: with the login where the image lies in that registry, without one elsewhere."""

    def __init__(self, engine: PodEngine, login: RegistryLogin | None, patience_s: float = PATIENCE_S) -> None:
        self._engine = engine
        self._login = login
        self._patience_s = patience_s

    def pull(self, image: str, announce: Callable[[Waiting], None], stop: Event) -> Verdict | None:
        """Pull; returns None when the image is there or `stop` was set, else why it cannot be had.

        A registry that does not answer is asked again for `patience_s`, ever more slowly.
        """
        give_up = time.monotonic() + self._patience_s
        pause_s = _FIRST_PAUSE_S
        announce(Waiting(f"pulling image {image}"))
        while True:
            problem = self._try(image, stop)
            if problem is None or problem.permanent or time.monotonic() + pause_s > give_up:
                return problem
            announce(Waiting(problem.message, problem.reason))
            if stop.wait(pause_s):
                return None
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _try(self, image: str, stop: Event) -> Verdict | None:
        try:
            for line in self._engine.pull(with_tag(image), self._auth(image)):
                if stop.is_set():
                    return None
                if "error" in line:
                    return explain(image, str(line["error"]))
        except EngineError as error:
            return explain(image, str(error), error.status)
        return None

    def _auth(self, image: str) -> str:
        if self._login is None or not image.startswith(f"{self._login.registry}/"):
            return ""
        login = {
            "username": self._login.user,
            "password": self._login.password,
            "serveraddress": self._login.registry,
        }
        return base64.urlsafe_b64encode(json.dumps(login).encode()).decode()


def with_tag(image: str) -> str:
    """An image's name with a tag or digest: without one the engine would pull every tag there is."""
    return image if "@" in image or ":" in image.rsplit("/", 1)[-1] else f"{image}:latest"


def invalid_name(image: str, words: str) -> Verdict | None:
    """The verdict on a name that the engine cannot read, or None where its words say something else."""
    if not _INVALID.search(words):
        return None
    return Verdict("InvalidImageName", f"{image!r} is not the name of an image: {words}", permanent=True)


def explain(image: str, words: str, status: int = 0) -> Verdict:
    """Sort the engine's words on a failed pull under Kubernetes' reasons."""
    invalid = invalid_name(image, words)
    if invalid is not None:
        return invalid
    message = f"cannot pull image {image}: {words}"
    if status == NOT_FOUND or _REFUSED.search(words):
        return Verdict("ErrImagePull", message, permanent=True)
    return Verdict("RegistryUnavailable", message)
