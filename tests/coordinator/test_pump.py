"""Reading a stream that may be silent, endless or broken, without being held up by it."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from coordinator.changes import BuildChanges
from coordinator.pump import pumped
from tests.waiting import wait_for


@pytest.fixture
def changes() -> BuildChanges:
    return BuildChanges()


def test_all_bytes_come_in_their_order(changes: BuildChanges) -> None:
    pieces = [b"%d," % number for number in range(5000)]
    assert b"".join(pumped(iter(pieces), changes)) == b"".join(pieces)


def test_silence_is_told_and_no_end(changes: BuildChanges) -> None:
    go = threading.Event()

    def slow() -> Iterator[bytes]:
        yield b"one"
        assert go.wait(30)
        yield b"two"

    pieces = pumped(slow(), changes)
    assert [next(pieces) for _ in range(3)] == [b"one", b"", b""]
    go.set()
    assert b"".join(pieces) == b"two"


def test_what_the_stream_raises_is_raised_behind_its_last_byte(changes: BuildChanges) -> None:
    def broken() -> Iterator[bytes]:
        yield b"one"
        raise ConnectionError("the engine is gone")

    seen = []
    with pytest.raises(ConnectionError, match="the engine is gone"):
        seen.extend(pumped(broken(), changes))
    assert seen == [b"one"]


def endless(reading: list[threading.Thread]) -> Iterator[bytes]:
    reading.append(threading.current_thread())
    while True:
        yield b"x"


def test_a_reader_who_leaves_an_endless_stream_ends_its_thread(changes: BuildChanges) -> None:
    reading: list[threading.Thread] = []
    pieces = pumped(endless(reading), changes)
    assert next(pieces)
    pieces.close()  # type: ignore[attr-defined]
    wait_for(lambda: not reading[0].is_alive())


def test_the_services_end_ends_an_endless_stream(changes: BuildChanges) -> None:
    reading: list[threading.Thread] = []
    pieces = pumped(endless(reading), changes)
    with ThreadPoolExecutor(1) as pool:
        rest = pool.submit(lambda: sum(len(piece) for piece in pieces))
        changes.close()
        assert rest.result(10) >= 0
    wait_for(lambda: not reading or not reading[0].is_alive())
