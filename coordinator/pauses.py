"""How long to leave GitHub alone after it failed us: by repository and token, so that a new token waits for nothing."""

import time
from dataclasses import dataclass
from threading import Lock

from shared.errors import InputError, KontinuousError, RateLimited


@dataclass(frozen=True, slots=True)
class Range:
    """The first pause and the longest, in seconds; each is twice the one before."""

    first_s: float
    longest_s: float


OUTAGE = Range(2, 120)
"""GitHub fails, or does not answer."""
REFUSAL = Range(60, 3600)
"""GitHub does not let us, or we have no token: somebody has to do something first, such as making a new one."""


class Pauses:
    """The pauses there are. Thread-safe."""

    def __init__(self, outage: Range = OUTAGE, refusal: Range = REFUSAL) -> None:
        self._outage = outage
        self._refusal = refusal
        self._lock = Lock()
        self._pauses: dict[str, tuple[float, float]] = {}  # name → (until, length)

    def left_s(self, name: str) -> float:
        """How many seconds are left of a pause."""
        with self._lock:
            return max(0.0, self._pauses.get(name, (0.0, 0.0))[0] - time.monotonic())

    def after(self, name: str, error: KontinuousError) -> float:
        """Begin the pause that an error calls for; returns its length in seconds."""
        with self._lock:
            length = self._length(error, self._pauses.get(name, (0.0, 0.0))[1])
            self._pauses[name] = (time.monotonic() + length, 0.0 if isinstance(error, RateLimited) else length)
            return length

    def clear(self, name: str) -> None:
        """All is well again."""
        with self._lock:
            self._pauses.pop(name, None)

    def _length(self, error: KontinuousError, last_s: float) -> float:
        if isinstance(error, RateLimited):
            return error.wait_s
        kind = self._refusal if isinstance(error, InputError) else self._outage
        return min(kind.longest_s, max(kind.first_s, last_s * 2))
