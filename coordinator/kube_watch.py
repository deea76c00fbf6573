"""Watching one kind of object in one namespace: list, watch from there, resume; list again where that is too old."""

import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any

from urllib3.exceptions import HTTPError

from coordinator.kube_api import KubeApi, KubeError

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
    """Where what is seen goes: all objects of a full list, one that is there, one that is no more."""

    replace: Callable[[list[Object]], None]
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
        self.listed = threading.Event()
        """Set once the first list was taken in, or could not be had."""
        threading.Thread(target=self._run, name=f"watch {path}", daemon=True).start()

    def close(self) -> None:
        """Stop; does not wait."""
        self._stop.set()
        response = self._response
        if response is not None:
            with suppress(Exception):  # it may have ended by itself just now
                response.shutdown()

    def _run(self) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._stop.is_set():
            try:
                self._version = self._version or self._list()
                for version in self._watch(self._version):
                    self._version, pause_s = version, FIRST_PAUSE_S
                    self._complain("")
            except (KubeError, HTTPError, OSError, ValueError) as error:
                if isinstance(error, KubeError) and error.status >= 400:
                    self._version = ""  # too old, or refused: begin anew
                self._complain(str(error))
                self.listed.set()
                self._stop.wait(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _list(self) -> str:
        """Take in all there is; returns the version to watch from."""
        found = self._api.call("GET", self._path, {"labelSelector": self._selector})
        self._sink.replace(list(found["items"]))
        self._complain("")
        self.listed.set()
        return str(found["metadata"]["resourceVersion"])

    def _watch(self, version: str) -> Iterator[str]:
        """Take in what changes after `version`; yields the version that was reached."""
        query = {
            "labelSelector": self._selector, "watch": "true", "allowWatchBookmarks": "true",
            "resourceVersion": version, "timeoutSeconds": str(WATCH_S),
        }  # fmt: skip
        with closing(self._api.open("GET", self._path, query, read_s=SILENT_S)) as response:
            self._response = response
            for line in _lines(response):
                if self._stop.is_set():
                    return
                yield self._take_in(json.loads(line))

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

    def _complain(self, text: str) -> None:
        """Say what is wrong once, and once that it is over."""
        if text != self._complaint:
            log.warning("%s cannot be watched: %s", self._path, text) if text else log.info("%s is watched", self._path)
        self._complaint = text


def _lines(response: Any) -> Iterator[bytes]:
    rest = b""
    for piece in response.stream(amt=None, decode_content=True):
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
