"""The one-machine service: the one that runs already, or one started for this command alone.

A service started here ends with this process, whatever ends it: its lifeline is its stdin. Every command that uses
a service holds `<home>/clients.lock` shared, and who started the service waits to hold it alone before stopping it,
so that no other run loses its service in mid-build.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.client import Client, NotReady, Unreachable
from cli.locks import ClientsLock, exclusive
from cli.program import LocalProgram
from cli.remote import Remote, named_remote
from cli.screen import Screen
from cli.service_process import ServiceProcess
from shared.errors import KontinuousError
from shared.state_folder import SERVICE_FILE, state_folder

WAITING = "Another command still uses this service; waiting for its end (Ctrl-C: stop the service now)."


@dataclass(frozen=True, slots=True)
class Service:
    """A service that is up. `registry` is the internal registry's address, `objects` the folder of logs and
    artifacts, both as this machine sees them; "" where the service does not tell. `passing`: it ends with the command
    that it was started for, and cancels what runs then."""

    client: Client
    registry: str = ""
    objects: str = ""
    passing: bool = False


@contextmanager
def chosen(program: LocalProgram, screen: Screen) -> Iterator[Service]:
    """The service that the environment or the file of `login` names, else this machine's own as `opened` gives it."""
    remote = named_remote(os.environ)
    if remote is not None:
        yield Service(remote.client())
        return
    with opened(program, screen) as service:
        yield service


@contextmanager
def opened(program: LocalProgram, screen: Screen) -> Iterator[Service]:
    """Use the service that runs, or start one and stop it at the end; progress is shown on `screen`."""
    home = state_folder(os.environ)
    clients = ClientsLock(home / "clients.lock")
    process: ServiceProcess | None = None
    try:
        with exclusive(home / "start.lock"):
            service = find(home)
            if service is None:
                process = ServiceProcess(program, screen)
                service = _service(process.wait_until_ready(), process.gone)
        yield service
    except Unreachable as error:
        if process is not None and process.gone():
            raise process.failure() from error
        raise
    finally:
        if process is not None:
            _stop(process, clients, screen)
        clients.close()


def find(home: Path) -> Service | None:
    """The service that `<home>/service.json` names, if it answers."""
    try:
        service = _service(_record(home))
        service.client.pipelines()
    except NotReady:
        return service  # it runs; what ails it, it says to whoever asks it for something
    except (OSError, ValueError, KeyError, KontinuousError):
        return None  # left behind by one that is gone; a new one takes its place
    return service


def recorded(home: Path) -> Remote:
    """Where the service says that it is, without asking it; raises OSError or ValueError where none says so."""
    record = _record(home)
    return Remote(str(record["url"]), str(record["token"]))


def _record(home: Path) -> Mapping[str, Any]:
    return dict(json.loads((home / SERVICE_FILE).read_text()))


def _service(record: Mapping[str, Any], gone: Callable[[], bool] = lambda: False) -> Service:
    client = Client(record["url"], record["token"], gone)
    return Service(client, record.get("registry", ""), record.get("objects", ""), record.get("lifeline", False))


def _stop(process: ServiceProcess, clients: ClientsLock, screen: Screen) -> None:
    try:
        if not process.gone():
            clients.hold_alone(lambda: screen.line(WAITING))
    finally:
        process.stop()
