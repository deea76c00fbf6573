"""The HTTP server: all routes in one Bottle, served by cheroot's threads."""

from typing import Any

from cheroot import wsgi

from coordinator.api import builds, health, logs, pipelines, secrets
from coordinator.api.auth import AuthPlugin
from coordinator.api.errors import JsonBottle
from coordinator.builds import Builds
from coordinator.changes import BuildChanges
from coordinator.log_reader import LogReader
from coordinator.settings import Settings
from coordinator.store import BuildStore
from shared.errors import InfrastructureError
from shared.ports import KeyValue, ObjectStore, SecretIntake

STOP_S = 3
MAX_REQUEST_BYTES = 32 * 1024 * 1024


def make_app(
    settings: Settings,
    kv: KeyValue,
    objects: ObjectStore,
    service: Builds,
    log_reader: LogReader,
    changes: BuildChanges,
    intake: SecretIntake | None,
) -> JsonBottle:
    """Put all routes together. `intake` adds the route for Secrets."""
    app = JsonBottle()
    app.install(AuthPlugin(settings.auth_secret))
    store = BuildStore(kv)
    health.add_routes(app, kv, objects)
    pipelines.add_routes(app, store, service)
    builds.add_routes(app, store, service, changes)
    logs.add_routes(app, store, log_reader)
    if intake is not None:
        secrets.add_routes(app, intake)
    return app


class HttpServer:
    """Serves an app on `settings.host` and `settings.port`; raises InfrastructureError where the port is taken."""

    def __init__(self, settings: Settings, app: JsonBottle) -> None:
        self._server: Any = wsgi.Server(
            (settings.host, settings.port), app, numthreads=settings.http_threads, shutdown_timeout=STOP_S
        )
        self._server.max_request_body_size = MAX_REQUEST_BYTES
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
        self._server.stop()
