"""Reading a stream that may be silent for long, without being held up by it."""

import queue
import threading
from collections.abc import Iterator

from coordinator.changes import BuildChanges

SILENCE_S = 0.5
MOST_WAITING = 1024
"""Pieces that are read ahead of a slow reader: mostly a line each, at most 64 KiB."""

ENOUGH_BYTES = 64 * 1024

Piece = bytes | Exception | None


def pumped(stream: Iterator[bytes], changes: BuildChanges) -> Iterator[bytes]:
    """Yield the bytes of `stream` and, each time none come for SILENCE_S, b"", until it or the service ends.

    Pieces that wait already come together: a fast log has thousands of small ones a second. The stream is read in a
    thread of its own. Whoever leaves early must see to it that the stream ends, too. What the stream raises is raised.
    """
    pieces: queue.Queue[Piece] = queue.Queue(MOST_WAITING)
    left = threading.Event()
    threading.Thread(target=_read, args=(stream, pieces, left), name="pump", daemon=True).start()
    try:
        while not changes.closed:
            try:
                piece = pieces.get(timeout=SILENCE_S)
            except queue.Empty:
                yield b""
                continue
            together = bytearray()
            while isinstance(piece, bytes):
                together += piece
                if len(together) >= ENOUGH_BYTES or pieces.empty():
                    break
                piece = pieces.get()
            if together:
                yield bytes(together)
            if isinstance(piece, Exception):
                raise piece
            if piece is None:
                return
    finally:
        left.set()


def _read(stream: Iterator[bytes], pieces: "queue.Queue[Piece]", left: threading.Event) -> None:
    last: Exception | None = None
    try:
        for data in stream:
            if not _put(data, pieces, left):
                return
    except Exception as error:  # it is the reader's to handle
        last = error
    _put(last, pieces, left)


def _put(piece: Piece, pieces: "queue.Queue[Piece]", left: threading.Event) -> bool:
    """Hand a piece over, however slow the reader is; False once it has left."""
    while not left.is_set():
        try:
            pieces.put(piece, timeout=SILENCE_S)
        except queue.Full:
            continue
        return True
    return False
