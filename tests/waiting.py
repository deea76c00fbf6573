"""Waiting for a condition instead of for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(condition: Callable[[], T], limit_s: float = 20, every_s: float = 0.02) -> T:
    """Ask until the answer is true, and return it; fails the test after `limit_s`."""
    end = time.monotonic() + limit_s
    while not (answer := condition()):
        assert time.monotonic() < end, f"not within {limit_s} s"
        time.sleep(every_s)
    return answer
