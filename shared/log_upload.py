"""Brings a stage's log from its spool to S3: chunks while it grows, one archive at its end."""

import time
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread
from typing import TYPE_CHECKING

from shared.errors import StoreError
from shared.keys import log_archive, log_chunk
from shared.patience import Deadline, keep_trying
from shared.stage_log import StageLog

if TYPE_CHECKING:
    from shared.store_ports import ObjectStore

CHUNK_BYTES = 4 * 1024 * 1024
CHUNK_SECONDS = 5.0
_LOOK_EVERY_S = 0.5  # how soon a full chunk is noticed; a chunk is for those who cannot follow stdout


class LogUploader:
    """Uploads in a thread of its own, so that neither a slow nor a dead S3 holds up the stage's work.

    A stage that ends within CHUNK_SECONDS uploads its archive only.
    """

    def __init__(self, log: StageLog, open_store: "Callable[[], ObjectStore]", prefix: str) -> None:
        """`open_store` is called in the thread (the S3 client takes 0.2 s to import); `prefix` is the log prefix."""
        self._log = log
        self._open_store = open_store
        self._prefix = prefix
        self._chunks: list[str] = []
        self._sent = 0
        self._complained = False
        self._archived = False
        self._ending = Event()
        self._ended = Event()
        self._error: Exception | None = None
        self._deadline = Deadline(float("inf"))
        self._thread = Thread(target=self._run, name="log-upload", daemon=True)

    @property
    def kept_bytes(self) -> int:
        """How many bytes of the log are in S3, in chunks without a gap."""
        return self._sent

    def start(self) -> None:
        """Begin to watch the log."""
        self._thread.start()

    def finish(self, deadline: Deadline) -> None:
        """Archive the log, which is closed by now, and remove the chunks; raises StoreError at the deadline.

        A hanging upload is left behind at the deadline.
        """
        self._deadline = deadline
        self._ending.set()
        while not self._ended.wait(min(1.0, deadline.left_s + 0.01)):
            if deadline.left_s == 0:
                if self._archived:
                    return
                raise StoreError("S3 did not take the log in time")
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            store = self._open_store()
            self._send_chunks(store)
            keep_trying(lambda: self._archive(store), self._deadline)
            self._archived = True
            with suppress(StoreError):  # the archive is whole; chunks that stay go with the build
                store.delete(self._chunks)
        except Exception as error:  # handed to the main thread, which raises it
            self._error = error
        finally:
            self._ended.set()

    def _archive(self, store: "ObjectStore") -> None:
        store.put_file(log_archive(self._prefix), self._log.path)
        self._sent = self._log.size

    def _send_chunks(self, store: "ObjectStore") -> None:
        due = time.monotonic() + CHUNK_SECONDS
        self._ending.wait(CHUNK_SECONDS)
        while not self._ending.wait(_LOOK_EVERY_S):
            pending = self._log.size - self._sent
            if pending >= CHUNK_BYTES or (pending and time.monotonic() >= due):
                due = time.monotonic() + CHUNK_SECONDS
                self._send_pending(store)

    def _send_pending(self, store: "ObjectStore") -> None:
        """Send all there is, in chunks that a reader can take whole; what fails is sent the next time."""
        try:
            while (self._log.size > self._sent) and not self._ending.is_set():
                self._send_chunk(store)
        except StoreError as error:
            if not self._complained:
                self._log.note(f"{error}; the log is kept here until S3 is back")
            self._complained = True

    def _send_chunk(self, store: "ObjectStore") -> None:
        data = self._log.read(self._sent, CHUNK_BYTES)
        key = log_chunk(self._prefix, self._sent)
        if key not in self._chunks[-1:]:  # the last one again, where it failed before
            self._chunks.append(key)
        store.put(key, data)
        self._sent += len(data)
