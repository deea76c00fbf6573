"""Ctrl-C and SIGTERM: the first asks for an orderly end, the second leaves at once."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from shared.errors import EXIT_INTERRUPTED

SIGNALS = (signal.SIGINT, signal.SIGTERM)
Handler = Callable[[int, FrameType | None], None]


class Noted:
    """Remembers whether a signal came."""

    def __init__(self) -> None:
        self._came = False

    def note(self, _number: int, _frame: FrameType | None) -> None:
        """The handler of the signals."""
        self._came = True

    def raise_now(self) -> None:
        """Raise KeyboardInterrupt if a signal came."""
        if self._came:
            raise KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[None]:
    """Within, Ctrl-C and SIGTERM both raise KeyboardInterrupt in the main thread."""
    with _handled(signal.default_int_handler):
        yield


@contextmanager
def deferred() -> Iterator[Noted]:
    """Within, a signal is only noted. For a short call whose answer must not get lost."""
    noted = Noted()
    with _handled(noted.note):
        yield noted


def leave_at_the_next() -> None:
    """From now on a signal ends this process at once; a service of ours sees its lifeline cut and stops by itself."""
    for number in SIGNALS:
        signal.signal(number, _leave)


@contextmanager
def _handled(handler: Handler) -> Iterator[None]:
    before = [signal.signal(number, handler) for number in SIGNALS]
    try:
        yield
    finally:
        for number, old in zip(SIGNALS, before, strict=True):
            signal.signal(number, old)


def _leave(_number: int, _frame: FrameType | None) -> None:
    os._exit(EXIT_INTERRUPTED)
