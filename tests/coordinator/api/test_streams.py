"""Event streams: builds and logs as they change, readers who leave, stores and services that end."""

import base64
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import requests

from coordinator.api.streams import Streams
from shared.errors import NotFound
from shared.ports import JobRef
from shared.status import ReportStatus
from tests.coordinator.api.api_server import BUILDS, TIMEOUT_S, Server
from tests.coordinator.world import PlayedStage
from tests.waiting import wait_for

EVENTS = f"{BUILDS}/1/events"
LOG = f"{BUILDS}/1/stages/build/logs?follow=true"


class Stream:
    """An open event stream, read line by line."""

    def __init__(self, server: Server, path: str, last_event: str = "") -> None:
        headers = {**server.headers, "Last-Event-ID": last_event} if last_event else server.headers
        self.response = server.ask("GET", path, stream=True, headers=headers)
        assert self.response.status_code == 200, self.response.text
        self._lines = self.response.iter_lines(chunk_size=1)

    def events(self) -> Iterator[tuple[str, Any, str]]:
        """Each event's name, data and id; comments are passed over."""
        fields: dict[str, str] = {}
        for line in self._lines:
            name, _, value = line.decode().partition(": ")
            if name and not name.startswith(":"):
                fields[name] = value
            elif not name and fields:
                yield fields["event"], json.loads(fields["data"]), fields.get("id", "")
                fields = {}

    def comment(self) -> bool:
        """Read lines up to a comment."""
        return any(line == b":" for line in self._lines)

    def close(self) -> None:
        self.response.close()


class Valve:
    """A stage that writes and ends when the test says so."""

    def __init__(self, server: Server) -> None:
        self._go = threading.Event()
        self.server = server
        server.world.plays["build"] = self._play
        server.world.play()

    def _play(self, stage: PlayedStage) -> None:
        self.stage = stage
        assert self._go.wait(30)
        stage.end(ReportStatus.SUCCESS)

    def write(self, data: bytes) -> JobRef:
        """Wait for the stage to be at work, and let it write."""
        wait_for(lambda: hasattr(self, "stage"))
        self.stage.write(data)
        return self.stage.ref

    def end(self) -> None:
        self._go.set()


@pytest.fixture
def valve(server: Server) -> Iterator[Valve]:
    valve = Valve(server)
    yield valve
    valve.end()


def test_a_builds_stream_shows_each_change_and_ends(server: Server, valve: Valve) -> None:
    server.start_build(only=["Build"])
    stream = Stream(server, EVENTS)
    assert stream.response.headers["Content-Type"] == "text/event-stream"
    assert stream.response.headers["Cache-Control"] == "no-store"
    events = stream.events()
    name, first, _ = next(events)
    assert (name, first["number"]) == ("build", 1)
    valve.write(b"x")
    valve.end()
    seen = list(events)
    assert [name for name, _, _ in seen] == ["build"] * (len(seen) - 1) + ["end"]
    statuses = [first["status"], *(data["status"] for name, data, _ in seen if name == "build")]
    assert statuses == sorted(statuses, key=["PENDING", "RUNNING", "SUCCESS"].index)
    assert statuses[-1] == "SUCCESS"


def test_the_stream_of_a_build_that_has_ended_is_its_last_state(server: Server) -> None:
    server.world.play()
    server.start_build(only=["Build"])
    wait_for(lambda: server.ask("GET", f"{BUILDS}/1").json()["finished_at"])
    (first, build, _), (last, _, _) = Stream(server, EVENTS).events()
    assert (first, build["status"], last) == ("build", "SUCCESS", "end")


def test_a_stream_in_which_nothing_happens_has_comments(server: Server, valve: Valve) -> None:
    server.start_build(only=["Build"])
    valve.write(b"")
    for path in (EVENTS, LOG):
        stream = Stream(server, path)
        assert stream.comment()
        stream.close()


def test_a_log_is_followed_from_before_its_first_byte_to_its_end(server: Server, valve: Valve) -> None:
    server.start_build(only=["Build"])
    events = Stream(server, LOG).events()
    valve.write(b"\x00\xff one\n")
    first = next(events)
    assert first == ("log", {"offset": 0, "data": base64.b64encode(b"\x00\xff one\n").decode()}, "1-7")
    valve.write(b"two")
    valve.end()
    rest = list(events)
    assert rest[-1] == ("end", {"offset": 10}, "")
    assert b"".join(base64.b64decode(data["data"]) for _, data, _ in rest[:-1]) == b"two"


@pytest.mark.parametrize("offset", [0, 1, 5, 6, 9])
def test_a_log_is_followed_from_an_offset(server: Server, valve: Valve, offset: int) -> None:
    server.start_build(only=["Build"])
    valve.write(b"012345")
    valve.end()
    *logs, end = Stream(server, f"{LOG}&offset={offset}&attempt=1").events()
    assert b"".join(base64.b64decode(data["data"]) for _, data, _ in logs) == b"012345"[offset:]
    assert end[:2] == ("end", {"offset": max(offset, 6)})
    assert all(f"1-{data['offset'] + len(base64.b64decode(data['data']))}" == id_ for _, data, id_ in logs)


def test_a_reader_whose_stream_broke_goes_on_after_the_last_event_it_had(server: Server, valve: Valve) -> None:
    server.start_build(only=["Build"])
    valve.write(b"012345")
    broken = Stream(server, LOG)
    _, first, id_ = next(broken.events())
    broken.close()
    assert (base64.b64decode(first["data"]), id_) == (b"012345", "1-6")
    rest = Stream(server, LOG, last_event=id_).events()
    valve.write(b"789")
    valve.end()
    *logs, end = rest
    assert b"".join(base64.b64decode(data["data"]) for _, data, _ in logs) == b"789"
    assert [data["offset"] for _, data, _ in logs][:1] == [6]
    assert end[1] == {"offset": 9}


def test_streams_leave_threads_to_others_and_readers_who_leave_make_room() -> None:
    server = Server(http_threads=4)
    valve = Valve(server)
    server.start_build(only=["Build"])
    valve.write(b"silent from here on")
    for _ in range(2):
        streams = [opened(server, path) for path in (LOG, EVENTS, LOG)]
        refused = [server.ask("GET", path) for path in (LOG, EVENTS)]
        assert [(answer.status_code, answer.json()["code"]) for answer in refused] == [(503, "too_many_streams")] * 2
        assert {answer.headers["Retry-After"] for answer in refused} == {"5"}
        assert "without following" in refused[0].json()["message"]
        assert server.ask("GET", "/healthz").status_code == 200
        for stream in streams:
            stream.close()
    valve.end()
    server.close()


def opened(server: Server, path: str) -> Stream:
    """A stream with its first event, once there is room for it."""

    def tried() -> Stream | None:
        with suppress(AssertionError):
            return Stream(server, path)
        return None

    stream = wait_for(tried)
    next(stream.events())
    return stream


def test_a_stream_that_fails_before_its_first_event_makes_room() -> None:
    places = Streams(1)

    def failing() -> Iterator[bytes]:
        raise NotFound("gone")
        yield b""

    for _ in range(2):
        with pytest.raises(NotFound):
            next(places.open(failing()))


def test_streams_wait_for_a_store_that_is_down(server: Server, valve: Valve) -> None:
    server.start_build(only=["Build"])
    valve.write(b"one")
    builds, log = Stream(server, EVENTS), Stream(server, LOG)
    events, pieces = builds.events(), log.events()
    next(events)
    next(pieces)
    server.kv.down = True
    assert builds.comment()
    assert log.comment()
    server.kv.down = False
    valve.end()
    assert [name for name, _, _ in Stream(server, EVENTS).events()][-1] == "end"
    assert [name for name, _, _ in events][-1] == "end"
    assert list(pieces)[-1][:2] == ("end", {"offset": 3})


def test_stopping_ends_streams_in_time_and_without_an_end_event() -> None:
    server = Server()
    valve = Valve(server)
    server.start_build(only=["Build"])
    valve.write(b"x")
    streams = [Stream(server, path) for path in (EVENTS, LOG, LOG, EVENTS)]
    kinds: list[list[str]] = []

    def read(stream: Stream) -> None:
        found: list[str] = []
        kinds.append(found)
        try:
            found += [name for name, _, _ in stream.events()]
        except requests.RequestException:
            found.append("cut")

    threads = [threading.Thread(target=read, args=(stream,)) for stream in streams]
    for thread in threads:
        thread.start()
    begun = time.monotonic()
    server.service.stop()
    server.thread.join(TIMEOUT_S)
    assert time.monotonic() - begun < 6
    assert not server.thread.is_alive()
    for thread in threads:
        thread.join(TIMEOUT_S)
    assert "end" not in [name for found in kinds for name in found]
    valve.end()
    server.world.close()


def test_stopping_does_not_wait_for_a_reader_who_is_stuck() -> None:
    server = Server()
    valve = Valve(server)
    server.start_build(only=["Build"])
    valve.write(b"x" * 30_000_000)
    with socket.create_connection(("127.0.0.1", server.service.port)) as reader:
        head = f"GET {LOG} HTTP/1.1\r\nHost: x\r\nAuthorization: {server.headers['Authorization']}\r\n\r\n"
        reader.sendall(head.encode())
        seen = b""
        while b"event: log" not in seen:
            seen += reader.recv(100)
        begun = time.monotonic()
        server.service.stop()
        assert time.monotonic() - begun < 6
    valve.end()
    server.world.close()
