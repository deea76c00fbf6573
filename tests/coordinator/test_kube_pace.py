"""How fast the API server is asked: bursts pass, streams are slowed down, and a pause holds everybody up."""

import pytest

from coordinator.kube_pace import Pace


class Clock:
    """A clock that only sleeping moves on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pace(clock: Clock) -> Pace:
    return Pace(10, 20, lambda: clock.now, clock.sleep)


def calls(pace: Pace, clock: Clock, count: int) -> list[float]:
    """When each of so many calls passes, in seconds from now."""
    begun, passed = clock.now, []
    for _ in range(count):
        pace.wait()
        passed.append(round(clock.now - begun, 6))
    return passed


def test_a_burst_passes_at_once_and_what_follows_is_slowed_down(pace: Pace, clock: Clock) -> None:
    assert calls(pace, clock, 23) == [0.0] * 20 + [0.1, 0.2, 0.3]


def test_the_next_burst_wants_a_while_of_silence(pace: Pace, clock: Clock) -> None:
    calls(pace, clock, 20)
    clock.now += 0.5
    assert calls(pace, clock, 6) == [0.0] * 5 + [0.1]
    clock.now += 60
    assert calls(pace, clock, 21) == [0.0] * 20 + [0.1]


def test_a_pause_holds_everybody_up_and_no_burst_follows_it(pace: Pace, clock: Clock) -> None:
    pace.pause(3)
    assert calls(pace, clock, 3) == [3.1, 3.2, 3.3]


def test_a_shorter_pause_does_not_end_a_longer_one(pace: Pace, clock: Clock) -> None:
    pace.pause(3)
    pace.pause(1)
    assert calls(pace, clock, 1) == [3.1]
