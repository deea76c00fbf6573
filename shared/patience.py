"""Trying again while a store is down: for so long, with one word to the person who reads the log."""

import time
from collections.abc import Callable
from typing import TypeVar

from shared.errors import StoreError, StoreRefused

T = TypeVar("T")

_LONGEST_PAUSE_S = 2.0
_AT_LEAST_S = 2.0  # however late it is, a task gets a try or two


class Deadline:
    """A moment that may be brought forward while somebody waits for it, as SIGTERM does."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    def shorten(self, seconds: float) -> None:
        """Let it be no later than `seconds` from now."""
        self._at = min(self._at, time.monotonic() + seconds)

    @property
    def left_s(self) -> float:
        """Seconds that are left, never less than 0."""
        return max(0.0, self._at - time.monotonic())


class Patience:
    """How long to go on trying, one task after another: for so many seconds each, or, once told to hurry, less."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._hurry_at: float | None = None
        self._by_s = 0.0
        self._deadline = Deadline(seconds)

    def begin(self, by_s: float) -> Deadline:
        """Begin a task. When we are told to hurry, or have been, it must end `by_s` seconds after that."""
        self._deadline, self._by_s = Deadline(self._seconds), by_s
        self._shorten()
        return self._deadline

    def hurry(self) -> None:
        """Be told to hurry: now."""
        self._hurry_at = time.monotonic()
        self._shorten()

    def _shorten(self) -> None:
        if self._hurry_at is not None:
            self._deadline.shorten(max(_AT_LEAST_S, self._hurry_at + self._by_s - time.monotonic()))


def keep_trying(call: Callable[[], T], deadline: Deadline, note: Callable[[str], None] | None = None) -> T:
    """Call until it raises no StoreError; raises the last one at the deadline, and StoreRefused at once.

    `note` is given one sentence when the first try has failed.
    """
    try:
        return call()
    except StoreRefused:
        raise
    except StoreError as error:
        if deadline.left_s == 0:
            raise
        if note is not None:
            note(f"{error}; trying again for up to {deadline.left_s:.0f} s")
    return _retry(call, deadline)


def _retry(call: Callable[[], T], deadline: Deadline) -> T:
    import tenacity  # 35 ms that a stage whose stores are up never spends

    retrying = tenacity.Retrying(
        wait=tenacity.wait_exponential_jitter(initial=0.2, max=_LONGEST_PAUSE_S, jitter=0.2),
        stop=lambda _: deadline.left_s == 0,
        retry=tenacity.retry_if_exception(_may_pass),
        reraise=True,
    )
    return retrying(call)


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, StoreError) and not isinstance(error, StoreRefused)
