"""The queue of keys: each worked once however often it is queued, never by two at once, in time."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from coordinator.work_queue import WorkQueue
from tests.waiting import wait_for


@pytest.fixture
def queue() -> WorkQueue:
    return WorkQueue()


def drained(queue: WorkQueue, count: int) -> list[str | None]:
    return [queue.take() for _ in range(count)]


def test_keys_come_in_the_order_they_were_queued(queue: WorkQueue) -> None:
    for key in "abc":
        queue.add(key)
    assert drained(queue, 3) == ["a", "b", "c"]


def test_a_key_that_is_queued_twice_is_worked_once(queue: WorkQueue) -> None:
    for key in ("a", "a", "b", "a"):
        queue.add(key)
    assert drained(queue, 2) == ["a", "b"]
    queue.close()
    assert queue.take() is None


def test_the_sooner_of_two_times_counts(queue: WorkQueue) -> None:
    queue.add("late", 0.3)
    queue.add("soon", 60)
    queue.add("soon")
    queue.add("soon", 60)
    assert drained(queue, 2) == ["soon", "late"]


def test_a_key_is_not_handed_out_before_it_is_due(queue: WorkQueue) -> None:
    begun = time.monotonic()
    queue.add("a", 0.2)
    assert queue.take() == "a"
    assert time.monotonic() - begun >= 0.2


def test_a_key_that_is_queued_while_it_is_worked_waits_for_the_end_of_that(queue: WorkQueue) -> None:
    queue.add("a")
    assert queue.take() == "a"
    queue.add("a")
    queue.add("b")
    assert queue.take() == "b"
    with ThreadPoolExecutor(1) as pool:
        again = pool.submit(queue.take)
        assert not again.done()
        queue.done("a")
        assert again.result(10) == "a"


def test_a_worker_that_waits_for_a_late_key_takes_a_sooner_one(queue: WorkQueue) -> None:
    queue.add("late", 60)
    with ThreadPoolExecutor(1) as pool:
        taken = pool.submit(queue.take)
        queue.add("now")
        assert taken.result(10) == "now"


def test_closing_wakes_everybody(queue: WorkQueue) -> None:
    queue.add("late", 60)
    with ThreadPoolExecutor(3) as pool:
        taken = [pool.submit(queue.take) for _ in range(3)]
        queue.close()
        assert [each.result(10) for each in taken] == [None] * 3


def test_no_key_is_lost_or_worked_by_two_at_once(queue: WorkQueue) -> None:
    wanted = {f"k{n}": 0 for n in range(20)}
    seen = dict(wanted)
    at_work: set[str] = set()
    lock = threading.Lock()
    twice = []

    def work() -> None:
        while (key := queue.take()) is not None:
            with lock:
                if key in at_work:
                    twice.append(key)
                at_work.add(key)
                seen[key] = wanted[key]
            time.sleep(0.0005)
            with lock:
                at_work.discard(key)
            queue.done(key)

    with ThreadPoolExecutor(4) as pool:
        for _ in range(4):
            pool.submit(work)
        for turn in range(1, 30):
            for key in wanted:
                with lock:
                    wanted[key] = turn
                queue.add(key)
        wait_for(lambda: seen == wanted)
        queue.close()
    assert twice == []
