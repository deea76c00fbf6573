"""How fast one coordinator asks the API server: a bucket of calls that fills up with time, and pauses when told to."""

import threading
import time
from collections.abc import Callable


class Pace:
    """Lets `per_second` calls pass, and `burst` at once after a while of silence. Thread-safe."""

    def __init__(
        self,
        per_second: float,
        burst: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._per_second, self._burst = per_second, burst
        self._clock, self._sleep = clock, sleep
        self._left, self._at = burst, clock()
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Return when the next call may be made; callers pass in the order in which they came."""
        with self._lock:
            now = self._clock()
            if now > self._at:
                self._left = min(self._burst, self._left + (now - self._at) * self._per_second)
                self._at = now
            self._left -= 1
            short_s = self._at - now + max(0.0, -self._left / self._per_second)
        if short_s > 0:
            self._sleep(short_s)

    def pause(self, seconds: float) -> None:
        """Let nobody pass for so long, and no burst after it: the server has more to do than it can."""
        with self._lock:
            self._at = max(self._at, self._clock() + seconds)
            self._left = min(self._left, 0.0)
