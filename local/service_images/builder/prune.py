"""Makes room on the engine's volume: a program that looks once a minute, and removes the oldest first.

An engine keeps every image that it ever built or pulled. As long as there is room, all of that is a useful cache.
Needs nothing beyond Python: it is part of the builder's image, which has no libraries.
"""

import http.client
import json
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, urlencode

LOOK_EVERY_S = 60
ASK_AGAIN_S = 1
PRUNE_S = 600
AGES_H = (168, 24, 2)
"""What is unused and older than this goes, one step after the other, until there is room."""


class EngineSocket(http.client.HTTPConnection):
    """A connection to the engine at a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=PRUNE_S)
        self._path = path

    def connect(self) -> None:
        """Open the socket; `http.client` calls this."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Arrivals:
    """When each image came to the engine, which the engine itself does not know of one that it pulled or loaded."""

    def __init__(self) -> None:
        """Before the first `look` there are none."""
        self._came: dict[str, float] | None = None

    def look(self, images: list[dict[str, Any]]) -> None:
        """Take in the engine's images: what is new has come now; of those there at first only its making is known."""
        now = time.time()
        came = self._came
        self._came = {image["Id"]: image["Created"] if came is None else came.get(image["Id"], now) for image in images}

    def before(self, moment: float) -> Iterator[str]:
        """The images that came before a moment, in seconds since 1970."""
        return (image for image, came in (self._came or {}).items() if came <= moment)


def images(path: str) -> list[dict[str, Any]]:
    """The engine's images as its API lists them. Raises OSError."""
    return list(json.loads(_ask(path, "GET", "/images/json")))


def prune(path: str, age_h: int, arrivals: Arrivals) -> None:
    """Remove what is unused and has been here for more than `age_h` hours. Raises OSError."""
    until = urlencode({"filters": json.dumps({"until": [f"{age_h}h"]}), "all": "true"})
    _ask(path, "POST", f"/containers/prune?{until}")
    used = {container["ImageID"] for container in json.loads(_ask(path, "GET", "/containers/json?all=true"))}
    for image in arrivals.before(time.time() - 3600 * age_h):
        if image not in used:
            _remove(path, image)
    _ask(path, "POST", f"/build/prune?{until}")


def _remove(path: str, image: str) -> None:
    """Remove an image under all its names. It may have gone already, or a container may have begun to use it."""
    found = json.loads(_ask(path, "GET", f"/images/{image}/json", missing="{}"))
    for name in [*(found.get("RepoTags") or ()), *(found.get("RepoDigests") or ())] or [image]:
        _ask(path, "DELETE", f"/images/{quote(name)}", missing="", in_use="")


def make_room(free_percent: Callable[[], float], keep_percent: float, prune_older: Callable[[int], None]) -> None:
    """Prune, the oldest first, until `keep_percent` of the volume are free or nothing more can go."""
    for age_h in AGES_H:
        if free_percent() >= keep_percent:
            return
        prune_older(age_h)
        print(f"pruned what is older than {age_h} h: {free_percent():.0f} % are free", flush=True)


def _ask(path: str, method: str, resource: str, missing: str | None = None, in_use: str | None = None) -> str:
    """The engine's answer; `missing` and `in_use` stand for one that says so. Raises OSError."""
    connection = EngineSocket(path)
    try:
        connection.request(method, resource)
        answer = connection.getresponse()
        body = answer.read().decode(errors="replace")
    except http.client.HTTPException as error:
        raise OSError(f"the engine broke off: {error!r}") from error
    finally:
        connection.close()
    for status, instead in ((http.HTTPStatus.NOT_FOUND, missing), (http.HTTPStatus.CONFLICT, in_use)):
        if answer.status == status and instead is not None:
            return instead
    if answer.status != http.HTTPStatus.OK:
        raise OSError(f"the engine answers {answer.status}: {body[:200]!r}")
    return body


def main() -> None:
    """Look after the engine at DOCKER_SOCKET until told to stop; DATA_FOLDER is on its volume."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    path, folder = os.environ["DOCKER_SOCKET"], os.environ["DATA_FOLDER"]
    keep_percent = float(os.environ["KEEP_FREE_PERCENT"])

    def free_percent() -> float:
        usage = shutil.disk_usage(folder)
        return 100 * usage.free / usage.total

    arrivals = Arrivals()
    while True:
        try:
            arrivals.look(images(path))
            make_room(free_percent, keep_percent, lambda age_h: prune(path, age_h, arrivals))
            time.sleep(LOOK_EVERY_S)
        except OSError as error:
            print(f"cannot prune now: {error}", flush=True)
            time.sleep(ASK_AGAIN_S)


if __name__ == "__main__":
    main()
