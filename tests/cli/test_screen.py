import io

import pytest

from cli.screen import Screen


def test_a_terminal_gets_a_status_line_below_the_lines() -> None:
    stream = io.StringIO()
    screen = Screen(stream, live=True)
    screen.status("running, 1 s")
    screen.line("hello")
    screen.status("")
    assert stream.getvalue() == (
        "\r\x1b[K\x1b[2mrunning, 1 s\x1b[0m" + "\r\x1b[Khello\n\x1b[2mrunning, 1 s\x1b[0m" + "\r\x1b[K"
    )


def test_a_stream_that_is_no_terminal_gets_lines_alone() -> None:
    stream = io.StringIO()
    screen = Screen(stream)
    screen.status("running, 1 s")
    screen.line(screen.paint("hello", "SUCCESS"))
    assert stream.getvalue() == "hello\n"


def test_colours_can_be_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Screen(io.StringIO(), live=True).paint("x", "FAIL") == "\x1b[31mx\x1b[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert Screen(io.StringIO(), live=True).paint("x", "FAIL") == "x"
