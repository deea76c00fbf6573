"""A stage's log: masked bytes that go to stdout and, the very same, to a spool file from which S3 is fed."""

import os
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from threading import Lock

from shared.errors import InfrastructureError
from shared.masking import Masker, mask, secret_forms


class StageLog:
    """Takes a stage's output. What is written is masked, and visible at once except what may be a secret's beginning.

    Any thread may write. Nothing is kept in memory, so that a log may be as long as the spool's disk is large.
    """

    def __init__(
        self, spool: Path, stdout: int, secrets: Iterable[bytes], shield: AbstractContextManager[object] | None = None
    ) -> None:
        """Spool to the new file `spool`, copy to the file descriptor `stdout`, mask `secrets`; raises OSError.

        No exception may come up inside `shield`, or the two copies would differ.
        """
        self.path = spool
        self._spool = os.open(spool, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._stdout: int | None = stdout
        self._forms = secret_forms(secrets)
        self._masker = Masker(self._forms)
        self._shield = shield or nullcontext()
        self._lock = Lock()
        self._size = 0
        self._line_open = False
        self._closed = False

    @property
    def size(self) -> int:
        """How many bytes the log has so far."""
        return self._size

    def write(self, data: bytes) -> None:
        """Add output as it comes, in pieces of any size; raises InfrastructureError when the spool's disk is full."""
        with self._shield, self._lock:
            if not self._closed:
                self._put(self._masker.feed(data))

    def note(self, text: str) -> None:
        """Add a line of ours, on a line of its own. It goes before output that is held back, never into it."""
        line = self.mask(text).encode() + b"\n"
        with self._shield, self._lock:
            if not self._closed:
                self._put(b"\n" + line if self._line_open else line)

    def mask(self, text: str) -> str:
        """Mask a text that will appear elsewhere, such as in the report."""
        return mask(self._forms, text)

    def flush(self) -> None:
        """Give out what was held back: for the end of the output, when nothing follows that could make it a secret."""
        with self._shield, self._lock:
            self._put(self._masker.finish())

    def close(self) -> None:
        """Flush, and take nothing more: from now on the log is what it is."""
        with self._shield, self._lock:
            if not self._closed:
                self._put(self._masker.finish())
                self._closed = True

    def read(self, offset: int, length: int) -> bytes:
        """Read at most `length` bytes of the masked log from `offset` on."""
        return os.pread(self._spool, length, offset)

    def _put(self, data: bytes) -> None:
        if not data:
            return
        self._spool_out(data)
        self._line_open = not data.endswith(b"\n")
        self._show(data)

    def _spool_out(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                written = os.write(self._spool, rest)
                self._size += written
                rest = rest[written:]
        except OSError as error:
            # Only what was spooled is shown: stdout and the archive must stay the same bytes.
            self._show(data[: len(data) - len(rest)])
            self._closed = True
            raise InfrastructureError(f"the log cannot be written to {self.path}: {error.strerror}") from error

    def _show(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest and self._stdout is not None:
            try:
                rest = rest[os.write(self._stdout, rest) :]
            except OSError:
                self._stdout = None  # nobody reads any more; the archive is what counts
