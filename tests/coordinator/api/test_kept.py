"""What a build leaves: its stages' attempts, logs by byte range, artifacts; and how it is removed."""

import base64
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote, unquote

import pytest

from shared import keys
from shared.errors import StoreError
from shared.status import Fault, ReportStatus, Status
from tests.coordinator.api.api_server import BUILDS, PIPELINES, TIMEOUT_S, Server
from tests.coordinator.api.test_api import FINISHED, error_of
from tests.coordinator.api.test_streams import Stream
from tests.coordinator.samples import REPOSITORY, build, with_attempt
from tests.coordinator.world import PlayedStage
from tests.waiting import wait_for

LOG = f"{BUILDS}/1/stages/build/logs"
ARTIFACTS = f"{BUILDS}/1/stages/build/artifacts"
DATA = b"0123456789"
FIRST, SECOND = (keys.attempt_prefix(REPOSITORY, 1, "build", attempt) for attempt in (1, 2))


@pytest.fixture
def kept(server: Server) -> Server:
    """A service with a finished build whose stage `build` had two attempts; the second has a log and artifacts."""
    server.ask("POST", PIPELINES, json={"repository": str(REPOSITORY)})
    made = build(number=1, finished_at=FINISHED)
    for _ in range(2):
        made = with_attempt(made, "build", status=Status.FAIL, finished_at=FINISHED)
    server.world.store.create_build(REPOSITORY, lambda number: made)
    objects = server.world.objects
    objects.put(f"{FIRST}log/archive", b"the first")
    objects.put(f"{SECOND}log/archive", DATA)
    objects.put(f"{SECOND}artifacts/dist/app.txt", DATA)
    return server


RANGES = [
    ("bytes=0-3", b"0123", "bytes 0-3/10"),
    ("bytes=4-4", b"4", "bytes 4-4/10"),
    ("bytes=7-", b"789", "bytes 7-9/10"),
    ("bytes=7-99", b"789", "bytes 7-9/10"),
    ("bytes=-2", b"89", "bytes 8-9/10"),
    ("bytes=-99", DATA, None),  # it is all of it
    ("bytes=0-9", DATA, None),
]


@pytest.mark.parametrize("path", [LOG, f"{ARTIFACTS}/dist/app.txt"])
@pytest.mark.parametrize(("header", "data", "content_range"), RANGES)
def test_a_part_is_answered_with_where_it_is(
    kept: Server, path: str, header: str, data: bytes, content_range: str | None
) -> None:
    answer = kept.ask("GET", path, headers={**kept.headers, "Range": header})
    assert (answer.status_code, answer.content) == (206 if content_range else 200, data)
    assert answer.headers.get("Content-Range") == content_range
    assert answer.headers["Content-Length"] == str(len(data))
    assert answer.headers["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize("path", [LOG, f"{ARTIFACTS}/dist/app.txt"])
@pytest.mark.parametrize("header", ["bytes=10-", "bytes=99-100", "bytes=-0", "bytes=5-2", "bytes=x-y", "bytes="])
def test_a_part_that_is_not_there_is_refused_with_the_size(kept: Server, path: str, header: str) -> None:
    answer = kept.ask("GET", path, headers={**kept.headers, "Range": header})
    assert "no part of these 10 bytes" in error_of(answer, 416, "bad_range")
    assert answer.headers["Content-Range"] == "bytes */10"


@pytest.mark.parametrize("header", [{"Range": "lines=1-2"}, {"Range": "bytes=0-1,4-5"}, {"Range": "junk"}, {}])
def test_what_is_no_single_part_is_answered_with_all(kept: Server, header: dict[str, str]) -> None:
    for more in ({}, {"If-Range": '"v1"', "Range": "bytes=0-3"}):
        answer = kept.ask("GET", LOG, headers={**kept.headers, **header, **more})
        assert (answer.status_code, answer.content, answer.headers["Content-Length"]) == (200, DATA, "10")


def test_a_part_of_a_log_counts_from_the_offset(kept: Server) -> None:
    answer = kept.ask("GET", f"{LOG}?offset=4", headers={**kept.headers, "Range": "bytes=1-2"})
    assert (answer.status_code, answer.content) == (206, b"56")
    assert answer.headers["Content-Range"] == "bytes 1-2/6"
    assert kept.ask("GET", f"{LOG}?offset=99").content == b""


def test_a_log_that_grows_has_the_size_of_what_is_stored(kept: Server) -> None:
    objects = kept.world.objects
    objects.delete([f"{SECOND}log/archive"])
    for offset in (0, 4, 8):
        objects.put(keys.log_chunk(f"{SECOND}log/", offset), DATA[offset : offset + 4])
    objects.put(keys.log_chunk(f"{SECOND}log/", 50), b"behind a gap")
    assert kept.ask("GET", LOG).content == DATA
    answer = kept.ask("GET", LOG, headers={**kept.headers, "Range": "bytes=2-8"})
    assert (answer.content, answer.headers["Content-Range"]) == (b"2345678", "bytes 2-8/10")


def test_each_attempt_has_a_log_and_artifacts_of_its_own(kept: Server) -> None:
    assert kept.ask("GET", f"{LOG}?attempt=1").content == b"the first"
    assert kept.ask("GET", f"{LOG}?attempt=2").content == kept.ask("GET", LOG).content == DATA
    assert kept.ask("GET", f"{ARTIFACTS}?attempt=1").json() == {"items": []}
    assert len(kept.ask("GET", f"{ARTIFACTS}?attempt=2").json()["items"]) == 1
    error_of(kept.ask("GET", f"{ARTIFACTS}/dist/app.txt?attempt=1"), 404, "not_found")
    for path in (LOG, ARTIFACTS, f"{ARTIFACTS}/dist/app.txt"):
        assert "it has 2" in error_of(kept.ask("GET", f"{path}?attempt=3"), 404, "not_found")


def test_a_broken_stream_goes_on_in_the_attempt_that_it_was_of(kept: Server) -> None:
    for last, query, rest in (("1-4", "", b"first"), ("2-4", "&attempt=1&offset=7", b"456789"), ("2-10", "", b"")):
        *logs, end = Stream(kept, f"{LOG}?follow=true{query}", last_event=last).events()
        assert b"".join(base64.b64decode(data["data"]) for _, data, _ in logs) == rest
        assert end[0] == "end"
    for last, status, code in (("x", 400, "bad_event_id"), ("0-1", 400, "bad_event_id"), ("3-0", 404, "not_found")):
        answer = kept.ask("GET", f"{LOG}?follow=true", headers={**kept.headers, "Last-Event-ID": last})
        error_of(answer, status, code)


def test_a_stage_is_read_with_all_its_attempts(kept: Server) -> None:
    items = kept.ask("GET", f"{BUILDS}/1/stages").json()["items"]
    assert items == kept.ask("GET", f"{BUILDS}/1").json()["stages"]
    assert [(stage["id"], stage["attempt"]) for stage in items] == [("build", 2), ("unit-test", 0)]
    stage = kept.ask("GET", f"{BUILDS}/1/stages/Build").json()
    attempts = stage.pop("attempts")
    assert stage | {"seconds": 0} == items[0] | {"seconds": 0}
    assert [attempt["attempt"] for attempt in attempts] == [1, 2]
    assert set(attempts[0]) == set(items[0]) - {"id", "name", "type"}
    assert kept.ask("GET", f"{BUILDS}/1/stages/unit-test").json()["attempts"] == []
    assert "it has build, unit-test" in error_of(kept.ask("GET", f"{BUILDS}/1/stages/nope"), 404, "not_found")


def test_after_a_resume_what_was_before_is_still_to_be_found(server: Server) -> None:
    def fails_once(stage: PlayedStage) -> None:
        stage.write(b"attempt %d" % stage.context.attempt)
        first = stage.context.attempt == 1
        stage.end(ReportStatus.FAIL if first else ReportStatus.SUCCESS, fault=Fault.USER if first else None)

    server.world.plays["build"] = fails_once
    server.world.play()
    server.start_build(only=["Build"])
    path = f"{BUILDS}/1/stages/build"
    wait_for(lambda: server.ask("GET", f"{BUILDS}/1").json()["finished_at"])
    assert server.ask("POST", f"{path}/resume").status_code == 202
    wait_for(lambda: server.ask("GET", f"{BUILDS}/1").json()["finished_at"])
    stage = server.ask("GET", path).json()
    assert (stage["status"], stage["attempt"]) == ("SUCCESS", 2)
    assert [(attempt["attempt"], attempt["status"]) for attempt in stage["attempts"]] == [(1, "FAIL"), (2, "SUCCESS")]
    for attempt in (1, 2):
        assert server.ask("GET", f"{path}/logs?attempt={attempt}").content == b"attempt %d" % attempt


NAMES = {
    "a b/ü+%&?#.html": "text/html",
    "archive.tar.gz": "application/octet-stream",
    "dist/app.txt": "text/plain",
    'quoted"name;x.json': "application/json",
    "report": "application/octet-stream",
}


def test_artifacts_are_listed_and_downloaded_by_their_paths(kept: Server) -> None:
    for name in NAMES:
        kept.world.objects.put(f"{SECOND}artifacts/{name}", DATA)
    items = kept.ask("GET", ARTIFACTS).json()["items"]
    assert items == [{"path": name, "bytes": 10, "content_type": kind} for name, kind in NAMES.items()]
    for name, kind in NAMES.items():
        answer = kept.ask("GET", f"{ARTIFACTS}/{quote(name)}")
        assert (answer.status_code, answer.content) == (200, DATA), name
        assert answer.headers["Content-Type"].partition(";")[0] == kind
        disposition, _, given = answer.headers["Content-Disposition"].partition("''")
        assert (disposition, unquote(given)) == ("attachment; filename*=UTF-8", name.rpartition("/")[2])
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert kept.ask("GET", f"{ARTIFACTS}/dist%2Fapp.txt").content == DATA


@pytest.mark.parametrize(
    "name",
    ["shot at 9.41.05\u202fAM.png", "dist%2Fapp", "a%2fb", "100%", "👩\u200d💻.txt", "a\xa0b", "a\u2028b", "%252F"],
)
def test_whatever_is_listed_is_downloaded(kept: Server, name: str) -> None:
    kept.world.objects.put(f"{SECOND}artifacts/{name}", DATA)
    assert name in [item["path"] for item in kept.ask("GET", ARTIFACTS).json()["items"]]
    answer = kept.ask("GET", f"{ARTIFACTS}/{quote(name)}")
    assert (answer.status_code, answer.content) == (200, DATA)


@pytest.mark.parametrize(
    "path",
    [
        "../log/archive",
        "%2e%2e/log/archive",
        "..%2flog/archive",
        "dist/../../log/archive",
        "dist/./app.txt",
        "dist//app.txt",
        "/dist/app.txt",
        "dist/",
        "dist",
        "dist/app.txt/x",
        "%00",
        "a%0d%0aX-Header:%20b",
        "%ff",
        "nope",
    ],
)
def test_a_path_that_is_no_artifact_is_not_found(kept: Server, path: str) -> None:
    connection = HTTPConnection("127.0.0.1", kept.service.port, timeout=TIMEOUT_S)  # sends paths as they are
    connection.request("GET", f"{ARTIFACTS}/{path}", headers=kept.headers)
    answer = connection.getresponse()
    assert (answer.status, b'"not_found"' in answer.read()) == (404, True)
    connection.close()


def test_a_head_of_an_artifact_has_its_size(kept: Server) -> None:
    answer = kept.ask("HEAD", f"{ARTIFACTS}/dist/app.txt", headers={**kept.headers, "Range": "bytes=0-1"})
    assert (answer.status_code, answer.content, answer.headers["Content-Length"]) == (200, b"", "10")


def test_a_download_is_read_piece_by_piece(kept: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces: list[int] = []

    def read(key: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        for number in range(1024):
            pieces.append(number)
            yield bytes(1024 * 1024)

    monkeypatch.setattr(kept.world.objects, "size", lambda key: 1024**3)
    monkeypatch.setattr(kept.world.objects, "read", read)
    with kept.ask("GET", f"{ARTIFACTS}/dist/app.txt", stream=True) as answer:
        assert answer.headers["Content-Length"] == str(1024**3)
        assert len(answer.raw.read(1024 * 1024)) == 1024 * 1024
    assert len(pieces) < 64  # the rest was neither read nor kept


def test_a_store_that_fails_at_once_is_an_error_and_no_broken_answer(
    kept: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: Any) -> Iterator[bytes]:
        raise StoreError("S3 is down")
        yield b""

    monkeypatch.setattr(kept.world.objects, "read", down)
    for path in (LOG, f"{ARTIFACTS}/dist/app.txt"):
        answer = kept.ask("GET", path)
        error_of(answer, 503, "unavailable")
        assert "Content-Disposition" not in answer.headers


def test_a_finished_build_is_removed_with_all_it_left(kept: Server) -> None:
    assert kept.start_build()["number"] == 2
    assert kept.ask("DELETE", f"{BUILDS}/1").status_code == 204
    error_of(kept.ask("GET", f"{BUILDS}/1"), 404, "not_found")
    error_of(kept.ask("DELETE", f"{BUILDS}/1"), 404, "not_found")
    assert kept.world.objects.list(keys.objects_prefix(REPOSITORY, 1)) == ()
    assert kept.kv.list(keys.build_key(REPOSITORY, 1)) == ()
    assert kept.start_build()["number"] == 3


def test_a_running_build_is_not_removed(kept: Server) -> None:
    kept.start_build()
    for path in (f"{BUILDS}/2", f"{PIPELINES}/{REPOSITORY}"):
        assert "build 2 of local/ab12/hello still runs" in error_of(kept.ask("DELETE", path), 409, "conflict")
    assert kept.ask("GET", f"{BUILDS}/2").ok


def test_a_build_that_cannot_be_removed_yet_is_not_resumed_meanwhile(
    kept: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stuck(_: Any) -> None:
        raise StoreError("S3 is down")

    with monkeypatch.context() as patched:
        patched.setattr(kept.world.objects, "delete", stuck)
        error_of(kept.ask("DELETE", f"{BUILDS}/1"), 503, "unavailable")
    assert "is being removed" in error_of(kept.ask("POST", f"{BUILDS}/1/stages/build/resume"), 409, "conflict")
    assert kept.ask("DELETE", f"{BUILDS}/1").status_code == 204
