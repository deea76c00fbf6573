"""A process that is watched: its output handed on as it comes, and ended with all that it started."""

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread

from shared.process_end import SIGNALLED

_READ_BYTES = 256 * 1024
_LAST_WORDS_S = 6.0  # how long it may take to end once told; the runtime reminds after 8 s
_DRAIN_S = 2.0  # for what a process that has left the group still holds open


class Child:
    """One process in a group of its own; stdout and stderr come as one stream, in the order they were written."""

    def __init__(self, command: Sequence[str], folder: Path, environment: Mapping[bytes, bytes]) -> None:
        """Start it; raises OSError."""
        self._process = subprocess.Popen(
            list(command),
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            process_group=0,
        )

    def run(self, write: Callable[[bytes], None]) -> int:
        """Hand its output to `write` until it ends; returns its exit code, 128 and more for a signal.

        Told to stop (Interrupted comes up in the main thread), it passes SIGTERM on, and kills what does not end.
        """
        failures: list[BaseException] = []
        relay = Thread(target=self._relay, args=(write, failures), name="output", daemon=True)
        relay.start()
        try:
            code = self._process.wait()
        except BaseException:
            self._signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_LAST_WORDS_S)
            raise
        finally:
            self._signal(signal.SIGKILL)  # what it left behind ends with it
            relay.join(_DRAIN_S)
        if failures:
            raise failures[0]
        return SIGNALLED - code if code < 0 else code

    def _relay(self, write: Callable[[bytes], None], failures: list[BaseException]) -> None:
        assert self._process.stdout is not None  # noqa: S101 - a pipe was asked for
        try:
            while data := os.read(self._process.stdout.fileno(), _READ_BYTES):
                write(data)
        except BaseException as error:  # a full disk: raised where the end is waited for
            failures.append(error)
            self._signal(signal.SIGTERM)

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)
