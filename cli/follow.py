"""Following a build and its logs to their end, through lost connections.

A log is asked for by byte offset, so that after a lost connection it goes on where it stopped: no byte is lost,
none comes twice. A build's stream begins with the build as it is now, so that nothing has to be remembered.
"""

import base64
import json
import time
from collections.abc import Callable, Iterator
from http.client import HTTPException, HTTPResponse
from typing import cast

from cli.client import Client, Unreachable
from cli.events import Event, read_events
from cli.records import BuildName
from shared.api_records import Build

READ_TIMEOUT_S = 60.0  # the service sends a keep-alive comment more often than that
PATIENCE_S = 30.0
READ_BYTES = 64 * 1024


class _Reconnecting:
    """Waits between attempts to reconnect, longer each time; gives up when nothing came for PATIENCE_S after the
    first failure, or as soon as the service is known to be gone."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.something_came()

    def something_came(self) -> None:
        self._failing_since: float | None = None
        self._pause_s = 0.05

    def wait(self, error: Unreachable) -> None:
        now = time.monotonic()
        self._failing_since = self._failing_since or now
        if self._client.gone() or now - self._failing_since > PATIENCE_S:
            raise error
        time.sleep(self._pause_s)
        self._pause_s = min(self._pause_s * 2, 2.0)


def follow_build(client: Client, name: BuildName, deadline: float | None = None) -> Iterator[Build]:
    """Yield the build as it is and after each change, until it ended or the monotonic clock reaches `deadline`.

    Raises Unreachable when the service stays away.
    """
    reconnecting = _Reconnecting(client)
    while True:
        try:
            with client.open_events(name, _read_timeout_s(deadline)) as response:
                for event in _events(response, client):
                    reconnecting.something_came()
                    if event.kind == "build":
                        yield cast(Build, json.loads(event.data))
                    if event.kind == "end" or _passed(deadline):
                        return
        except Unreachable as error:
            if _passed(deadline):
                return
            reconnecting.wait(error)


def follow_log(client: Client, name: BuildName, stage: str, attempt: int) -> Iterator[bytes]:
    """Yield a stage's log from its first byte, as it is written, until it ends. Raises Unreachable."""
    offset, reconnecting = 0, _Reconnecting(client)
    while True:
        try:
            with client.open_log(name, stage, attempt, offset, follow=True, timeout_s=READ_TIMEOUT_S) as response:
                for event in _events(response, client):
                    reconnecting.something_came()
                    if event.kind == "end":
                        return
                    if event.kind == "log" and (data := _fresh_bytes(event, offset)):
                        offset += len(data)
                        yield data
        except Unreachable as error:
            reconnecting.wait(error)


def read_log(client: Client, name: BuildName, stage: str, attempt: int) -> Iterator[bytes]:
    """Yield what there is now of a stage's log, in blocks. Raises Unreachable."""

    def open_at(offset: int) -> HTTPResponse:
        return client.open_log(name, stage, attempt, offset, follow=False, timeout_s=READ_TIMEOUT_S)

    return read_on(client, open_at)


def read_on(client: Client, open_at: Callable[[int], HTTPResponse], offset: int = 0) -> Iterator[bytes]:
    """Yield the bytes from `offset` on of what `open_at` opens at an offset, in blocks. Raises Unreachable."""
    reconnecting = _Reconnecting(client)
    while True:
        try:
            with open_at(offset) as response:
                for data in _blocks(response, client):
                    reconnecting.something_came()
                    offset += len(data)
                    yield data
                return
        except Unreachable as error:
            reconnecting.wait(error)


def _read_timeout_s(deadline: float | None) -> float:
    return READ_TIMEOUT_S if deadline is None else min(READ_TIMEOUT_S, max(0.1, deadline - time.monotonic()))


def _passed(deadline: float | None) -> bool:
    return deadline is not None and time.monotonic() >= deadline


def _fresh_bytes(event: Event, offset: int) -> bytes:
    """The bytes of a log event from `offset` on; raises Unreachable, to ask again, where some before it are missing."""
    record = json.loads(event.data)
    skip = offset - int(record["offset"])
    if skip < 0:
        raise Unreachable(f"the service left out {-skip} bytes of the log at byte {offset}")
    return base64.b64decode(record["data"])[skip:]


def _events(response: HTTPResponse, client: Client) -> Iterator[Event]:
    """The stream's events; an end without an `end` event is a lost connection. Raises Unreachable."""
    try:
        yield from read_events(response)
    except (OSError, HTTPException) as error:
        raise Unreachable(f"the service at {client.url} stopped answering ({error})") from error
    raise Unreachable(f"the service at {client.url} ended the stream too early")


def _blocks(response: HTTPResponse, client: Client) -> Iterator[bytes]:
    """The response's bytes; fewer than announced is a lost connection. Raises Unreachable."""
    length = response.length
    try:
        while data := response.read1(READ_BYTES):
            length = None if length is None else length - len(data)
            yield data
    except (OSError, HTTPException) as error:
        raise Unreachable(f"the service at {client.url} stopped answering ({error})") from error
    if length:
        raise Unreachable(f"the service at {client.url} ended the answer {length} bytes too early")
