"""The stage's side of the hand-over: two containers of one pod, and named pipes in a folder that both mount.

prepare.sh makes the pipes, user.sh is the other side. The stage says `go` when all is ready; what the user's command
writes comes through `output`, what it ended with through `exit`. A pod's own SIGTERM reaches the stage, which then
says `stop`, and passes on what the command still writes.
"""

import fcntl
import os
import select
import termios
import time
from array import array
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from shared.errors import InfrastructureError, Interrupted

Write = Callable[[bytes], None]

_PIPE_BYTES = 1024 * 1024  # what Linux lets any user ask for; a full pipe halts the command
_READ_BYTES = 256 * 1024
_LOOK_EVERY_S = 0.01
_LAST_WORDS_S = 6.0  # how long a command may take to end once told; the runtime reminds after 8 s


class HandOff:
    """The hand-over folder. As a context manager it tells a waiting user's container, at its end, to wait no more."""

    def __init__(self, folder: Path, prepared_within_s: float = 30.0) -> None:
        """Nothing is opened yet; `prepared_within_s` is how long prepare.sh may take."""
        self._folder = folder
        self._pipes = folder / "pipes"
        self._prepared_within_s = prepared_within_s
        self._open_pipes: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # before prepare.sh was here there is nobody to tell
            (self._folder / "stop").touch()  # for one that comes later
            self._tell("stop", self._open("go", os.O_RDWR))
        for pipe in self._open_pipes:
            os.close(pipe)
        self._open_pipes.clear()

    def start(self, variables: Mapping[str, bytes]) -> "Relay":
        """Let the command begin, with `variables` added to its container's own.

        Raises InfrastructureError where the pipes were not made in time.
        """
        self._wait_until_prepared()
        output, ended = self._open("output", os.O_RDONLY), self._open("exit", os.O_RDONLY)
        go = self._open("go", os.O_RDWR)  # stays open, and so keeps the word until somebody reads it
        words = (_quote(name.encode() + b"=" + value) for name, value in variables.items())
        (self._pipes / "env").write_bytes(b" ".join(words))
        self._tell("go", go)
        return Relay(output, ended, lambda: self._tell("stop", go), lambda: _is_empty(go))

    def _wait_until_prepared(self) -> None:
        # The kubelet runs the hook beside us, in no order; it has long ended by the time the clone is there.
        until = time.monotonic() + self._prepared_within_s
        while not self._pipes.is_dir():
            if time.monotonic() > until:
                raise InfrastructureError(
                    f"nothing prepared {self._folder}: the postStart hook of this stage did not run"
                )
            time.sleep(_LOOK_EVERY_S)

    def _open(self, name: str, mode: int) -> int:
        pipe = os.open(self._pipes / name, mode | os.O_NONBLOCK)
        self._open_pipes.append(pipe)
        return pipe

    def _tell(self, word: str, go: int) -> None:
        os.write(go, word.encode() + b"\n")


class Relay:
    """What comes back from a command that was started. Only a HandOff makes one."""

    def __init__(self, output: int, ended: int, stop: Callable[[], None], has_begun: Callable[[], bool]) -> None:
        self._output = output
        self._ended = ended
        self._stop = stop
        self._has_begun = has_begun
        self.never_began = False
        """Whether the command was told to stop before its container took the word to begin."""
        with suppress(OSError):  # more than this machine allows; the usual size works too
            fcntl.fcntl(output, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

    def run(self, write: Write) -> int:
        """Pass on the command's output until it ends, and return its exit code, also while children of it go on.

        Raises InfrastructureError where its container ended without one. On Interrupted the command is told to
        stop, and has a few seconds for its last words.
        """
        try:
            return self._until_end(write)
        except Interrupted:
            self.never_began = not self._has_begun()
            self._stop()
            if self.never_began:
                raise
            with suppress(InfrastructureError):
                self._until_end(write, time.monotonic() + _LAST_WORDS_S)
            raise

    def _until_end(self, write: Write, limit: float | None = None) -> int:
        poll = select.poll()
        poll.register(self._output, select.POLLIN)
        poll.register(self._ended, select.POLLIN)
        while limit is None or time.monotonic() < limit:
            ready = [pipe for pipe, _ in poll.poll(None if limit is None else _LOOK_EVERY_S * 1000)]
            if self._ended in ready:
                self._drain(write)
                break
            if self._output in ready:
                data = self._read(self._output)
                if data == b"":
                    break
                write(data or b"")
        return self._exit_code()

    def _drain(self, write: Write) -> None:
        """Pass on what the command left in the pipe. A child that goes on writing is not waited for."""
        left = fcntl.fcntl(self._output, fcntl.F_GETPIPE_SZ)
        while left > 0 and (data := self._read(self._output)):
            write(data)
            left -= len(data)

    def _exit_code(self) -> int:
        text = self._read(self._ended)
        try:
            return int(text or b"")
        except ValueError as error:
            raise InfrastructureError("the command's container ended without an exit code") from error

    def _read(self, pipe: int) -> bytes | None:
        """What is there now: None for nothing yet, b"" where the other side has closed the pipe."""
        try:
            return os.read(pipe, _READ_BYTES)
        except BlockingIOError:
            return None


def _is_empty(pipe: int) -> bool:
    """Whether all that was written into a pipe has been read."""
    left = array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, left)
    return left[0] == 0


def _quote(word: bytes) -> bytes:
    return b"'" + word.replace(b"'", b"'\\''") + b"'"
