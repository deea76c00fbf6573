"""Loops that must not end: one that had stopped looking would be worse than a noisy one."""

import logging
from collections.abc import Callable
from threading import Event

from shared.errors import KontinuousError

RETRY_S = 2.0

log = logging.getLogger(__name__)


def keep_running(loop: Callable[[], None], name: str, stopping: Event) -> None:
    """Run a loop, and again a moment after it fails or returns, until `stopping` is set."""
    while not stopping.is_set():
        try:
            loop()
        except KontinuousError as error:
            log.warning("%s: %s", name, error)
        except Exception:
            log.exception("%s failed", name)
        stopping.wait(RETRY_S)
