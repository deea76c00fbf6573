"""The service as a child process: started, watched until it is ready, stopped by closing its stdin."""

import json
import threading
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from subprocess import TimeoutExpired
from typing import IO, Any

from cli.program import ERROR_MARK, LocalProgram, failure
from cli.screen import Screen
from shared.errors import InfrastructureError, KontinuousError
from shared.terminal_text import clean

STOP_LIMIT_S = 120.0  # builds that run are cancelled first, then the containers are stopped
KILL_AFTER_S = 10.0
KEPT_LINES = 50


class ServiceProcess:
    """`python -m local serve --lifeline`; what it says on stderr is shown until it is ready and while it stops."""

    def __init__(self, program: LocalProgram, screen: Screen) -> None:
        self._screen = screen
        self._shown = True
        self._said: deque[str] = deque(maxlen=KEPT_LINES)
        self._child = program.start("serve", "--lifeline")
        self._reader = threading.Thread(target=self._relay, daemon=True)
        self._reader.start()

    def gone(self) -> bool:
        """True once the process ended."""
        return self._child.poll() is not None

    def failure(self) -> KontinuousError:
        """Wait for the process's end; what it failed with, in its own last words."""
        exit_code = self._child.wait()
        self._reader.join(1.0)
        return failure(exit_code, list(self._said), "the service")

    def wait_until_ready(self) -> Mapping[str, Any]:
        """Wait for the one line that says where the service listens; raises what the service failed with.

        No limit: a first start fetches and builds images, and says on stderr how far it is.
        """
        try:
            line = _stream(self._child.stdout).readline()
            if not line:
                raise self.failure()
            record: Mapping[str, Any] = json.loads(line)
        except ValueError as error:
            self.stop()
            raise InfrastructureError(f"the service said {line[:80]!r} instead of its address") from error
        except BaseException:
            self.stop()
            raise
        self._shown = False
        return record

    def stop(self) -> None:
        """Close the lifeline and wait until the service stopped everything that it started."""
        self._shown = True
        with suppress(BrokenPipeError):
            _stream(self._child.stdin).close()
        try:
            self._child.wait(STOP_LIMIT_S)
        except TimeoutExpired:
            self._screen.line(f"The service did not stop within {STOP_LIMIT_S:.0f} s; ending it.")
            self._end()
        self._reader.join(1.0)

    def _end(self) -> None:
        self._child.terminate()
        try:
            self._child.wait(KILL_AFTER_S)
        except TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def _relay(self) -> None:
        for line in _stream(self._child.stderr):
            text = clean(line.rstrip("\n"))
            self._said.append(text)
            if self._shown and not text.startswith(ERROR_MARK):
                self._screen.line(text)


def _stream(stream: IO[str] | None) -> IO[str]:
    if stream is None:
        raise ValueError("the process was started without this pipe")
    return stream
