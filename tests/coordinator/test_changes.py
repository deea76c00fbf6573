"""News of builds: a wait ends with the change it waits for."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from coordinator.changes import BuildChanges, News
from shared.store_ports import Change


@pytest.fixture
def changes() -> BuildChanges:
    return BuildChanges()


def test_a_change_that_came_before_the_wait_ends_it_at_once(changes: BuildChanges) -> None:
    changes.publish(Change("a", b"1", 7))
    assert changes.wait("a", 6, 60)
    assert not changes.wait("a", 7, 0.01)
    assert not changes.wait("b", 0, 0.01)


def test_a_change_wakes_who_waits_for_it(changes: BuildChanges) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(changes.wait, "a", 7, 60)
        changes.publish(Change("b", b"1", 9))
        assert not waiting.done()
        changes.publish(Change("a", b"1", 8))
        assert waiting.result(10)


def test_an_old_change_that_is_seen_again_is_no_news(changes: BuildChanges) -> None:
    changes.publish(Change("a", b"2", 8))
    changes.publish(Change("a", b"1", 7))
    assert changes.wait("a", 7, 60)
    assert not changes.wait("a", 8, 0.01)


def test_what_was_deleted_is_not_remembered(changes: BuildChanges) -> None:
    changes.publish(Change("a", b"1", 7))
    changes.publish(Change("a", None, 8))
    assert not changes.wait("a", 0, 0.01)


def test_closing_ends_all_waits_now_and_later(changes: BuildChanges) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(changes.wait, "a", 7, 60)
        changes.close()
        assert waiting.result(10)
    assert changes.wait("a", 7, 60)
    assert changes.closed


def test_who_follows_is_told_what_is_there_and_then_what_changes(changes: BuildChanges) -> None:
    changes.publish(Change("a", b"1", 7))
    stop = Event()
    followed = changes.follow(stop)
    assert next(followed) == News("a", 7)
    changes.publish(Change("a", b"2", 8), is_echo=True)
    changes.publish(Change("a", None, 9))
    assert [next(followed), next(followed)] == [News("a", 8, is_echo=True), News("a", 9, is_gone=True)]
    stop.set()
    assert list(followed) == []


def test_builds_are_counted_below_a_prefix(changes: BuildChanges) -> None:
    for key in ("a/1", "a/2", "b/1"):
        changes.publish(Change(key, b"1", 7))
    changes.publish(Change("a/1", None, 8))
    assert changes.count("a/") == 1
