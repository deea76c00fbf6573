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
from collections.abc import Callable
from urllib.parse import urlencode

LOOK_EVERY_S = 60
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


def prune(path: str, age_h: int) -> int:
    """Remove what is unused and older than `age_h` hours; returns the bytes that this freed. Raises OSError."""
    until = [f"{age_h}h"]
    return (
        _post(path, "/containers/prune", {"until": until})
        + _post(path, "/images/prune", {"until": until, "dangling": ["false"]})
        + _post(path, "/build/prune", {"until": until}, all="true")
    )


def make_room(free_percent: Callable[[], float], keep_percent: float, prune_older: Callable[[int], int]) -> None:
    """Prune, the oldest first, until `keep_percent` of the volume are free or nothing more can go."""
    for age_h in AGES_H:
        if free_percent() >= keep_percent:
            return
        freed = prune_older(age_h)
        print(f"pruned what is older than {age_h} h: {freed >> 20} MiB; {free_percent():.0f} % are free", flush=True)


def _post(path: str, resource: str, filters: dict[str, list[str]], **options: str) -> int:
    connection = EngineSocket(path)
    try:
        connection.request("POST", f"{resource}?{urlencode({'filters': json.dumps(filters), **options})}")
        answer = connection.getresponse()
        body = answer.read()
    except http.client.HTTPException as error:
        raise OSError(f"the engine broke off: {error!r}") from error
    finally:
        connection.close()
    if answer.status != http.HTTPStatus.OK:
        raise OSError(f"the engine answers {answer.status}: {body[:200]!r}")
    return int(json.loads(body).get("SpaceReclaimed") or 0)


def main() -> None:
    """Look after the engine at DOCKER_SOCKET until told to stop; DATA_FOLDER is on its volume."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    path, folder = os.environ["DOCKER_SOCKET"], os.environ["DATA_FOLDER"]
    keep_percent = float(os.environ["KEEP_FREE_PERCENT"])

    def free_percent() -> float:
        usage = shutil.disk_usage(folder)
        return 100 * usage.free / usage.total

    while True:
        try:
            make_room(free_percent, keep_percent, lambda age_h: prune(path, age_h))
        except OSError as error:
            print(f"cannot prune now: {error}", flush=True)
        time.sleep(LOOK_EVERY_S)


if __name__ == "__main__":
    main()
