"""The HTTP server: all routes in one Bottle, served by cheroot's threads."""

import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from threading import Event
from typing import Any
from weakref import WeakSet

from cheroot import wsgi
from cheroot.server import HTTPConnection, HTTPRequest

from coordinator.api import (
    artifacts,
    build_events,
    build_page,
    builds,
    definitions,
    documents,
    health,
    hooks,
    login,
    logs,
    pipelines,
    repositories,
    secrets,
    stage_types,
    stages,
    user,
)
from coordinator.api.auth import AuthPlugin
from coordinator.api.callers import Callers
from coordinator.api.errors import JsonBottle, code_of, error_body
from coordinator.api.requests import PIECE_BYTES, SOCKET, cut_after
from coordinator.api.streams import Streams
from coordinator.artifact_reader import ArtifactReader
from coordinator.builds import Builds
from coordinator.changes import BuildChanges
from coordinator.definitions import Definitions
from coordinator.delivery_intake import DeliveryIntake
from coordinator.forge import RepositoryList
from coordinator.log_reader import LogReader
from coordinator.logins import Logins
from coordinator.metrics import Metrics
from coordinator.permissions import Permissions
from coordinator.pipelines import Pipelines
from coordinator.retention import Retention
from coordinator.settings import Settings
from coordinator.store import BuildStore
from shared.errors import InfrastructureError
from shared.ports import SecretIntake
from shared.store_ports import KeyValue, ObjectStore

STOP_S = 3
MAX_REQUEST_BYTES = 32 * 1024 * 1024
MAX_HEAD_BYTES = 64 * 1024
HEAD_S = 10.0
"""How long the headers of a request may take, however they trickle in."""
BACKLOG = 512
"""Of so many callers who come at once the kernel keeps the connections until they are taken."""


@dataclass(frozen=True, slots=True)
class Parts:
    """All that the routes stand on. `intake` adds the route for Secrets; `repositories` is None without a GitHub."""

    settings: Settings
    kv: KeyValue
    objects: ObjectStore
    store: BuildStore
    pipelines: Pipelines
    builds: Builds
    retention: Retention
    logs: LogReader
    artifacts: ArtifactReader
    changes: BuildChanges
    metrics: Metrics
    permissions: Permissions
    deliveries: DeliveryIntake
    definitions: Definitions
    logins: Logins
    repositories: RepositoryList | None
    intake: SecretIntake | None


def make_app(parts: Parts) -> JsonBottle:
    """Put all routes together."""
    app = JsonBottle()
    app.install(AuthPlugin(parts.settings.auth_secret))
    callers = Callers(parts.permissions)
    streams = Streams.beside(parts.settings.http_threads)
    health.add_routes(app, parts.kv, parts.objects, parts.metrics)
    pipelines.add_routes(app, parts.store, parts.pipelines, callers)
    builds.add_routes(app, parts.store, parts.builds, parts.retention, callers)
    build_events.add_routes(app, parts.store, parts.changes, streams, callers)
    stages.add_routes(app, parts.store, parts.builds, callers)
    logs.add_routes(app, parts.store, parts.logs, parts.changes, streams, callers)
    artifacts.add_routes(app, parts.store, parts.artifacts, callers)
    definitions.add_routes(app, parts.definitions, callers)
    repositories.add_routes(app, parts.store, parts.repositories)
    hooks.add_routes(app, parts.deliveries)
    login.add_routes(app, parts.logins)
    stage_types.add_routes(app, parts.settings.catalogue)
    user.add_routes(app, callers)
    if parts.intake is not None:
        secrets.add_routes(app, parts.intake)
    build_page.add_routes(app, parts.settings.kontinuous_url)
    documents.add_routes(app)
    return app


class _Request(HTTPRequest):
    """A request whose refusal by cheroot itself, before any route, is JSON too."""

    _late: Event | None = None

    def parse_request(self) -> None:
        """Read the request's line and headers, within HEAD_S."""
        with cut_after(self.conn.socket, HEAD_S) as self._late:
            super().parse_request()

    def read_request_headers(self) -> bool:
        """Refuse a negative length too: cheroot would read all that comes, whatever its limit is."""
        right: bool = super().read_request_headers()  # type: ignore[no-untyped-call]
        if right and int(self.inheaders.get(b"Content-Length", 0)) < 0:
            self.simple_response("400 Bad Request", "Content-Length is negative.")
            return False
        return right

    def send_headers(self) -> None:
        """Begin the answer; the connection ends with it where much is left of a body that nobody wants: cheroot would
        read it whole."""
        unread = not self.rfile.closed if self.chunked_read else getattr(self.rfile, "remaining", 0) > PIECE_BYTES
        self.close_connection = self.close_connection or unread
        super().send_headers()

    def simple_response(self, status: object, msg: str | bytes = "") -> None:
        """Answer what is no request, or is too large; the connection ends with it."""
        message = msg.decode(errors="replace") if isinstance(msg, bytes) else msg
        if self._late is not None and self._late.is_set():
            status, message = "408 Request Timeout", f"the headers did not come within {HEAD_S:.0f} s"
        body = error_body(code_of(str(status)), message or str(status), []).encode()
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        self.close_connection = True
        with suppress(OSError):  # who sent it may have left
            self.conn.wfile.write(f"{head}Connection: close\r\n\r\n".encode() + body)


class _Connection(HTTPConnection):
    RequestHandlerClass = _Request


class _Gateway(wsgi.Gateway_10):
    """Gives the routes the connection too, whose reading they end where a body takes too long."""

    def get_environ(self) -> dict[str, Any]:  # type: ignore[override]  # cheroot's types say that it is None
        """What WSGI says of a request, and its socket."""
        environ: Any = super().get_environ()  # type: ignore[no-untyped-call]
        return {**environ, SOCKET: self.req.conn.socket}


class HttpServer:
    """Serves an app on `settings.host` and `settings.port`; raises InfrastructureError where the port is taken."""

    def __init__(self, settings: Settings, app: JsonBottle) -> None:
        self._server: Any = wsgi.Server(
            (settings.host, settings.port),
            app,
            numthreads=settings.http_threads,
            request_queue_size=BACKLOG,
            shutdown_timeout=STOP_S,
        )
        self._server.max_request_body_size = MAX_REQUEST_BYTES
        self._server.max_request_header_size = MAX_HEAD_BYTES
        self._server.ConnectionClass = self._connect
        self._server.gateway = _Gateway
        self._connections: WeakSet[_Connection] = WeakSet()
        try:
            self._server.prepare()
        except OSError as error:
            raise InfrastructureError(
                f"cannot listen on {settings.host}:{settings.port}: {error}; choose another port"
            ) from error

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._server.bind_addr[1])

    def serve(self) -> None:
        """Answer requests until `stop` is called from another thread."""
        self._server.serve()

    def stop(self) -> None:
        """Stop answering; open streams are cut after a few seconds."""
        cut = threading.Timer(STOP_S, self._cut)
        cut.start()
        try:
            self._server.stop()
        finally:
            cut.cancel()

    def _connect(self, *args: Any) -> _Connection:
        connection = _Connection(*args)
        self._connections.add(connection)
        return connection

    def _cut(self) -> None:
        """Break the connections there are: cheroot waits for ever for a thread that writes to a reader who is stuck."""
        for connection in tuple(self._connections):
            with suppress(OSError):  # it may be closed already
                connection.socket.shutdown(socket.SHUT_RDWR)
