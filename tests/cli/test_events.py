from cli.events import KEEP_ALIVE, Event, read_events


def test_events_have_a_kind_and_data_of_one_or_more_lines() -> None:
    lines = [b"event: log\n", b"id: 7\n", b"data: a\n", b"data:b\n", b"\n", b"data: c\r\n", b"\r\n"]
    assert list(read_events(lines)) == [Event("log", "a\nb"), Event("message", "c")]


def test_a_comment_is_a_keep_alive_and_belongs_to_no_event() -> None:
    assert list(read_events([b"data: a\n", b": hello\n", b"\n"])) == [KEEP_ALIVE, Event("message", "a")]


def test_an_event_that_was_cut_short_is_dropped() -> None:
    assert list(read_events([b"event: log\n", b"data: whole\n", b"\n", b"event: log\n", b"data: ha"])) == [
        Event("log", "whole")
    ]


def test_an_event_without_data_is_none() -> None:
    assert list(read_events([b"event: log\n", b"\n", b"data: x\n", b"\n"])) == [Event("message", "x")]
