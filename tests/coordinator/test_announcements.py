"""What a message says, before it is any service's."""

from dataclasses import replace

from coordinator.announcements import LOG_LINES, LONGEST_LINE, Announcement, announcement
from coordinator.notices import Event, NotificationRecord, due
from shared.clock import timestamp
from shared.model import Build, Commit, Trigger
from tests.coordinator.notifications import LINK, failed, slack, succeeded, telling
from tests.coordinator.samples import SHA, seconds_later

URL = "http://127.0.0.1:3005"
STARTED = NotificationRecord().with_done("1/0/start")


def said(build: Build, log: tuple[str, ...] = ()) -> Announcement:
    return announcement(build, due(build, STARTED if build.finished else NotificationRecord())[0], URL, log)


def test_a_start_says_what_is_built_and_who_asked_for_it() -> None:
    message = said(telling(slack("https://x")))
    assert (message.event, message.title, message.link) == (Event.START, "hello 3 started", LINK)
    assert message.facts == (
        ("Repository", "local/ab12/hello"),
        ("Branch", "main"),
        ("Commit", f"{SHA[:10]} first"),
        ("Author", "Ann"),
        ("Started by", "ann (cli)"),
    )


def test_an_end_says_how_long_it_took() -> None:
    begun = telling(slack("https://x"))
    ended = replace(succeeded(begun), created_at=timestamp(seconds_later(0)), finished_at=timestamp(seconds_later(75)))
    assert said(ended).title == "hello 3 succeeded after 75 s"
    assert said(replace(ended, run=2, finished_at=ended.finished_at)).title.startswith("hello 3 ")


def test_a_failure_says_stage_reason_and_last_words() -> None:
    message = said(failed(telling(slack("https://x"))), ("one", "\x1b[31mtwo\x1b[0m", "\tthree\x00"))
    assert dict(message.facts) | {"Stage": "Build", "Reason": "exit code 1"} == dict(message.facts)
    assert message.log == ("one", "two", "    three")


def test_what_is_said_is_bounded_and_on_one_line_each() -> None:
    commit = Commit(SHA, "refs/heads/main", "Ann\n" * 200, "m" * 5000 + "\nmore")
    message = said(
        replace(failed(telling(slack("https://x"))), commit=commit, trigger=Trigger("webhook")),
        tuple(f"{n} {'x' * 5000}" for n in range(100)),
    )
    assert len(message.log) == LOG_LINES
    assert message.log[-1].startswith("99 x")
    texts = [*message.log, *(value for _, value in message.facts)]
    assert all(len(text.splitlines()) == 1 for text in texts)
    assert max(len(line) for line in message.log) == LONGEST_LINE
    assert dict(message.facts)["Started by"] == "webhook"
