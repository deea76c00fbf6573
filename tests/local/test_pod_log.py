"""Docker's frames become stdout's bytes, wherever the chunks cut them, and each message once."""

import struct
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.pod_log import StdoutReader
from shared.errors import InfrastructureError

TIMES = [f"2026-01-31T12:00:00.{n:09d}Z".encode() for n in range(4)]
MESSAGES = st.lists(st.tuples(st.sampled_from([1, 2]), st.sampled_from(TIMES), st.binary(max_size=50)))


def frame(stream: int, payload: bytes) -> bytes:
    return struct.pack(">BxxxL", stream, len(payload)) + payload


def message(text: bytes, time: bytes = TIMES[0], stream: int = 1) -> bytes:
    return frame(stream, time + b" " + text)


def cut(data: bytes, sizes: list[int]) -> Iterator[bytes]:
    position = count = 0
    while position < len(data):
        size = sizes[count % len(sizes)]
        yield data[position : position + size]
        position, count = position + size, count + 1


def written(messages: list[tuple[int, bytes, bytes]]) -> bytes:
    return b"".join(message(text, time, stream) for stream, time, text in messages)


def stdout(messages: list[tuple[int, bytes, bytes]]) -> bytes:
    return b"".join(text for stream, _, text in messages if stream == 1)


@given(MESSAGES, st.lists(st.integers(min_value=1, max_value=30), min_size=1))
def test_any_cut_of_any_frames_gives_stdout(messages: list[tuple[int, bytes, bytes]], sizes: list[int]) -> None:
    assert b"".join(StdoutReader().read(cut(written(messages), sizes))) == stdout(messages)


@given(MESSAGES, st.integers(min_value=0))
def test_a_second_stream_adds_what_the_first_lacked(messages: list[tuple[int, bytes, bytes]], end: int) -> None:
    messages.sort(key=lambda m: m[1])
    first = messages[: end % (len(messages) + 1)]
    reader = StdoutReader()
    read = b"".join(reader.read([written(first)]))
    last = max((time for stream, time, _ in first if stream == 1), default=b"")
    again = [m for m in messages if m[1] >= last]  # as the engine answers when asked for messages since then
    assert read + b"".join(reader.read([written(again)])) == stdout(messages)


@pytest.mark.parametrize(
    ("time", "since"),
    [
        (b"2026-01-31T12:00:00.000000007Z", "1769860800.000000007"),
        (b"2026-01-31T13:00:00.123456789+01:00", "1769860800.123456789"),
    ],
)
def test_the_last_messages_time_is_known_to_the_nanosecond(time: bytes, since: str) -> None:
    reader = StdoutReader()
    assert reader.since == ""
    list(reader.read([message(b"x", time)]))
    assert reader.since == since


def test_a_frame_is_given_on_before_the_next_one_comes() -> None:
    def chunks() -> Iterator[bytes]:
        yield message(b"one") + message(b"two")[:5]
        raise AssertionError("one chunk was asked for too many")

    assert next(StdoutReader().read(chunks())) == b"one"


def test_the_engines_own_error_is_raised() -> None:
    with pytest.raises(InfrastructureError, match="no such file"):
        list(StdoutReader().read([frame(3, b"Error grabbing logs: no such file\n")]))


def test_a_log_that_stops_inside_a_frame_is_an_error() -> None:
    with pytest.raises(InfrastructureError, match="short"):
        list(StdoutReader().read([message(b"whole") + message(b"cut")[:-1]]))
