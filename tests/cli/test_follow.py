import random
import threading
import time

import pytest

from cli import follow
from cli.client import Client, Unreachable
from cli.records import BuildName
from tests.fakes import api_server
from tests.fakes.api_server import REPOSITORY, ApiServer, FakeBuild

NAME = BuildName(REPOSITORY, 1)
STAGE = "build-docker-image"
LOG = random.Random(3).randbytes(60_000)


def log_it(build: FakeBuild) -> None:
    """Write LOG in pieces, while somebody reads it."""
    build.stage(STAGE, status="RUNNING", attempt=1)
    for start in range(0, len(LOG), 7_000):
        build.write(STAGE, LOG[start : start + 7_000])
    build.stage(STAGE, status="SUCCESS")
    build.finish("SUCCESS")


@pytest.fixture
def logged(api: ApiServer) -> ApiServer:
    api.play = log_it
    api.pipelines.append(REPOSITORY)
    api.start(REPOSITORY, {})
    return api


def test_a_log_followed_through_broken_connections_loses_and_repeats_no_byte(logged: ApiServer, client: Client) -> None:
    logged.faults.cuts = [0, 1, 2_500, 20_000, 0, 13_000]
    assert b"".join(follow.follow_log(client, NAME, STAGE, 1)) == LOG
    assert len(logged.log_offsets) == 7
    assert logged.log_offsets == sorted(logged.log_offsets)


def test_bytes_that_the_service_repeats_are_dropped(logged: ApiServer, client: Client) -> None:
    logged.faults.overlap = 300
    logged.faults.cuts = [2_500, 4_000]
    assert b"".join(follow.follow_log(client, NAME, STAGE, 1)) == LOG


def test_bytes_that_the_service_leaves_out_are_asked_for_again(logged: ApiServer, client: Client) -> None:
    logged.faults.gap = 10
    assert b"".join(follow.follow_log(client, NAME, STAGE, 1)) == LOG
    assert logged.log_offsets == [0, 0]


def test_a_log_read_through_broken_connections_is_whole(logged: ApiServer, client: Client) -> None:
    list(follow.follow_build(client, NAME))
    logged.faults.cuts = [0, 2_500, 50_000]
    assert b"".join(follow.read_log(client, NAME, STAGE, 1)) == LOG
    assert logged.log_offsets == [0, 0, 2_500, 52_500]


def test_a_build_is_followed_through_broken_connections_to_its_end(logged: ApiServer, client: Client) -> None:
    logged.faults.event_cuts = 3
    states = list(follow.follow_build(client, NAME))
    assert states[-1]["status"] == "SUCCESS"
    assert logged.faults.event_cuts == 0


def test_a_connection_that_falls_silent_is_opened_anew_for_longer_than_the_patience(
    api: ApiServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_again = threading.Event()

    def be_silent_until_asked_again(build: FakeBuild) -> None:
        build.stage(STAGE, status="RUNNING", attempt=1)
        asked_again.wait(20)
        build.write(STAGE, b"at last")
        build.stage(STAGE, status="SUCCESS")

    monkeypatch.setattr(api_server, "KEEP_ALIVE_S", 10.0)
    monkeypatch.setattr(follow, "READ_TIMEOUT_S", 0.3)
    monkeypatch.setattr(follow, "PATIENCE_S", 0.2)
    api.play = be_silent_until_asked_again
    api.pipelines.append(REPOSITORY)
    api.on_log = lambda: asked_again.set() if len(api.log_offsets) == 2 else None
    api.start(REPOSITORY, {})
    assert b"".join(follow.follow_log(client, NAME, STAGE, 1)) == b"at last"


def test_a_service_that_stays_away_ends_the_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "PATIENCE_S", 0.2)
    gone = Client("http://127.0.0.1:1", "x")
    with pytest.raises(Unreachable, match="127\\.0\\.0\\.1:1 does not answer"):
        list(follow.follow_log(gone, NAME, STAGE, 1))
    with pytest.raises(Unreachable):
        list(follow.follow_build(gone, NAME))


def test_a_service_that_is_known_to_be_gone_is_not_waited_for() -> None:
    begun = time.monotonic()
    with pytest.raises(Unreachable):
        list(follow.follow_log(Client("http://127.0.0.1:1", "x", gone=lambda: True), NAME, STAGE, 1))
    assert time.monotonic() - begun < follow.PATIENCE_S / 2
