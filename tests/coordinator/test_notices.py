"""Who is to be told what, and what a build shows of it."""

from dataclasses import replace

import pytest

from coordinator.notices import MAX_PROBLEM, Event, NotificationRecord, due, problems, recipient
from coordinator.resuming import with_resumed
from shared.clock import timestamp
from shared.model import Build, NotificationProblem
from shared.status import Status
from tests.coordinator.notifications import failed, slack, succeeded, telling
from tests.coordinator.samples import seconds_later, with_attempt

ONE, OTHER = slack("https://one"), slack("https://other")
RECORD = NotificationRecord()


def events(build: Build, record: NotificationRecord = RECORD) -> list[tuple[int, Event]]:
    return [(notice.index, notice.event) for notice in due(build, record)]


def test_each_entry_is_told_of_the_start_first() -> None:
    assert events(telling(ONE, OTHER)) == [(0, Event.START), (1, Event.START)]
    assert events(succeeded(telling(ONE, OTHER))) == [(0, Event.START), (1, Event.START)]


def test_after_its_start_an_entry_is_told_of_the_end_whatever_the_others_know() -> None:
    record = RECORD.with_done("1/1/start")
    assert events(failed(telling(ONE, OTHER)), record) == [(0, Event.START), (1, Event.FAILURE)]
    assert events(telling(ONE, OTHER), record) == [(0, Event.START)]


@pytest.mark.parametrize("given_up", ["", "no_service"])
def test_what_is_over_is_told_no_more(given_up: str) -> None:
    record = RECORD.with_done("1/0/start").with_done("1/0/end", given_up)
    assert events(succeeded(telling(ONE)), record) == []


def test_a_cancelled_build_is_no_failure() -> None:
    cancelled = with_attempt(telling(ONE), "build", status=Status.CANCELLED)
    ended = replace(cancelled, stages=(cancelled.stages[0], replace(cancelled.stages[1], cancelled=True)))
    assert events(replace(ended, finished_at=ended.created_at), RECORD.with_done("1/0/start")) == [(0, Event.CANCELLED)]


def test_a_resumed_build_is_told_of_anew_and_its_age_begins_anew() -> None:
    record = RECORD.with_done("1/0/start").with_done("1/0/end", "no_service")
    later = timestamp(seconds_later(60))
    resumed = with_resumed(failed(telling(ONE)), "build", "ada", later)
    [start] = due(resumed, record)
    assert (start.name, start.event, start.since) == ("2/0/start", Event.START, later)
    assert problems(resumed, record) == ()


def test_a_build_shows_what_hinders_and_what_was_given_up() -> None:
    record = RECORD.with_done("1/0/start", "no_service").with_trouble("1/0/end", "x" * 1000)
    assert problems(failed(telling(ONE)), record) == (
        NotificationProblem("slack", "start", "no_service", True),
        NotificationProblem("slack", "failure", "x" * MAX_PROBLEM, False),
    )
    assert problems(failed(telling(ONE)), record.with_done("1/0/end"))[1:] == ()


def test_a_build_without_notif_tells_nobody() -> None:
    assert (events(telling()), problems(telling(), RECORD)) == ([], ())


def test_builds_with_the_same_words_wait_together_and_others_do_not() -> None:
    first, second, third = telling(ONE), telling(ONE, number=4), telling(slack("https://one", channel="#a"))
    notice = due(first, RECORD)[0]
    assert recipient(first, notice) == recipient(second, notice) != recipient(third, notice)
    assert "one" not in recipient(first, notice)
