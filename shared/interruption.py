"""SIGTERM and Ctrl-C as the exception Interrupted, raised in the main thread where it does no harm."""

import signal
from collections.abc import Callable
from threading import get_ident, main_thread
from types import FrameType

from shared.errors import Interrupted

_REMIND_AFTER_S = 8.0
_REMIND_EVERY_S = 2.0


class Interruption:
    """Watches for SIGTERM and SIGINT while the stage works.

    The first one raises Interrupted in the main thread; if the work has not ended 8 s later (something swallowed
    the exception, or cleaning up hangs) it is raised again. As a context manager it is a shield: inside, the main
    thread gets no exception, and gets it on leaving.
    """

    def __init__(self, told: Callable[[], None]) -> None:
        """Start to watch; `told` is called once, at the first signal. Only the main thread may do this."""
        self.requested = False
        self._told = told
        self._may_raise = True
        self._due = False
        self._shields = 0
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
            signal.signal(number, self._handle)

    def hold(self) -> None:
        """Raise no more: the work is over, and what is left must be done to its end."""
        self._may_raise = False
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if number != signal.SIGALRM:
            if self.requested:
                return
            self.requested = True
            self._told()
            if self._may_raise:
                signal.setitimer(signal.ITIMER_REAL, _REMIND_AFTER_S, _REMIND_EVERY_S)
        self._due = True
        self._raise_if_due()

    def _raise_if_due(self) -> None:
        if self._due and self._may_raise and self._shields == 0:
            self._due = False
            raise Interrupted("the stage was told to stop")

    def __enter__(self) -> None:
        if get_ident() == main_thread().ident:
            self._shields += 1

    def __exit__(self, *_: object) -> None:
        if get_ident() == main_thread().ident:
            self._shields -= 1
            self._raise_if_due()
