"""Watching one kind of object in one namespace: list, watch from there, resume; list again where that is too old."""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import msgspec
from urllib3.exceptions import HTTPError

from coordinator.kube_api import KubeApi, KubeError, shut

WATCH_S = 240
"""After so long the API server ends a watch by itself; the next goes on where it stopped."""
SILENT_S = 90
"""A watch has bookmarks about once a minute; one that is silent for longer is dead."""
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0
GONE = 410

Object = Mapping[str, Any]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sink:
    """Where what is seen goes: all objects of a full list with its version, one that is there, one that is no more."""

    replace: Callable[[Iterable[Object], int], None]
    put: Callable[[Object], None]
    drop: Callable[[Object], None]


class KubeWatch:
    """Watches `path` with a label selector, in a thread of its own, until it is closed."""

    def __init__(self, api: KubeApi, path: str, selector: str, sink: Sink) -> None:
        self._api = api
        self._path = path
        self._selector = selector
        self._sink = sink
        self._stop = threading.Event()
        self._response: Any = None
        self._complaint = ""
        self._version = ""
        self.tried = threading.Event()
        """Set once the first list was taken in, or could not be had."""
        self._thread = threading.Thread(target=self._run, name=f"watch {path}", daemon=True)
        self._thread.start()

    @property
    def complaint(self) -> str:
        """Why nothing is seen at the moment; "" while all is well."""
        return self._complaint

    def close(self) -> None:
        """Stop; does not wait."""
        self._stop.set()
        if self._response is not None:
            shut(self._response)

    def list(self) -> None:
        """Take in all there is now, beside the watch; raises KubeError."""
        self._sink.replace(*self._listed())

    def _run(self) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._stop.is_set():
            try:
                self._begin()
                for version in self._watch(self._version):
                    self._version, pause_s = version, FIRST_PAUSE_S
            except (KubeError, HTTPError, OSError, ValueError, msgspec.DecodeError) as error:
                if isinstance(error, KubeError) and error.status >= 400:
                    self._version = ""  # too old, or refused: begin anew
                self._complain(error)
            except Exception as error:  # a watch that has stopped looking would be worse than a noisy one
                log.exception("%s cannot be watched", self._path)
                self._version = ""
                self._complain(error)
            self.tried.set()
            self._stop.wait(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _begin(self) -> None:
        if not self._version:
            found, version = self._listed()
            self._sink.replace(found, version)
            self._version = str(version)
            self.tried.set()

    def _listed(self) -> tuple[Iterable[Object], int]:
        found, version = self._api.list(self._path, {"labelSelector": self._selector})
        return found, int(version)

    def _watch(self, version: str) -> Iterator[str]:
        """Take in what changes after `version`; yields the version that was reached."""
        query = {
            "labelSelector": self._selector, "watch": "true", "allowWatchBookmarks": "true",
            "resourceVersion": version, "timeoutSeconds": str(WATCH_S),
        }  # fmt: skip
        with closing(self._api.open("GET", self._path, query, read_s=SILENT_S)) as response:
            self._response = response
            self._recover()
            for line in _lines(response):
                if self._stop.is_set():
                    return
                yield self._take_in(msgspec.json.decode(line))

    def _take_in(self, event: Mapping[str, Any]) -> str:
        made = event["object"]
        match event["type"]:
            case "ADDED" | "MODIFIED":
                self._sink.put(made)
            case "DELETED":
                self._sink.drop(made)
            case "ERROR":
                raise KubeError(int(made.get("code", GONE)), str(made.get("reason", "")), str(made.get("message", "")))
        return str(made["metadata"]["resourceVersion"])

    def _complain(self, error: Exception) -> None:
        """Say what is wrong once."""
        expected = isinstance(error, KubeError) and error.status == GONE
        if not expected and not self._stop.is_set() and str(error) != self._complaint:
            self._complaint = str(error)
            log.warning("%s cannot be watched: %s", self._path, error)

    def _recover(self) -> None:
        """Say once that it is over."""
        if self._complaint:
            self._complaint = ""
            log.info("%s is watched again", self._path)


def _lines(response: Any) -> Iterator[bytes]:
    rest = b""
    for piece in response.stream(amt=None, decode_content=True):
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
