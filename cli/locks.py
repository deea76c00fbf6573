"""Locks between `kontinuous` processes of one state folder; the system frees them when a process ends."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


class ClientsLock:
    """Held shared by every command that uses the service; who started the service waits to hold it alone."""

    def __init__(self, path: Path) -> None:
        self._file: IO[bytes] = path.open("ab")
        fcntl.flock(self._file, fcntl.LOCK_SH)

    def hold_alone(self, waiting: Callable[[], None]) -> None:
        """Wait until no other command uses the service; calls `waiting` once when there is one."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(self._file, fcntl.LOCK_EX)

    def close(self) -> None:
        """Let go."""
        self._file.close()


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold a lock that only one process can have."""
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
