"""A door in front of a real server: tests shut it, or let calls hang, to provoke a dead or frozen store."""

import contextlib
import selectors
import socket
from threading import Event, Lock, Thread

from tests.free_port import free_port

_PIECE = 64 * 1024


class Gate:
    """Forwards TCP connections from a port of its own on 127.0.0.1 to a server, while it is open."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._lock = Lock()
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._listener: socket.socket | None = None
        self._flowing = Event()
        self._flowing.set()
        self._cut = Event()
        self.port = free_port()
        self.connections = 0
        self.open()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def open(self) -> None:
        """Take connections (again), on the same port as before."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(64)
        self._listener = listener
        Thread(target=self._accept, args=(listener,), daemon=True).start()

    def shut(self) -> None:
        """Cut all connections and refuse new ones, as a killed server does."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        with self._lock:
            for pair in self._pairs:
                for end in pair:
                    with contextlib.suppress(OSError):
                        end.shutdown(socket.SHUT_RDWR)

    def freeze(self) -> None:
        """Take connections and bytes, and pass nothing on, as a stopped process does."""
        self._flowing.clear()

    def thaw(self) -> None:
        """Pass everything on again."""
        self._flowing.set()

    def cut_at_next_answer(self) -> None:
        """Drop the next bytes that the server sends, with their connection: what was asked for is done, unheard."""
        self._cut.set()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._target) as server:
            with self._lock:
                self._pairs.add((client, server))
            with contextlib.suppress(OSError), selectors.DefaultSelector() as ready:
                ready.register(client, selectors.EVENT_READ, server)
                ready.register(server, selectors.EVENT_READ, client)
                self._carry(ready, client)
            with self._lock:
                self._pairs.discard((client, server))

    def _carry(self, ready: selectors.BaseSelector, client: socket.socket) -> None:
        while True:
            for key, _ in ready.select():
                self._flowing.wait()
                data = key.fileobj.recv(_PIECE)  # type: ignore[union-attr]
                if not data:
                    return
                if key.data is client and self._cut.is_set():
                    self._cut.clear()
                    return
                key.data.sendall(data)
