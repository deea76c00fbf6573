"""The one-machine service: engine, images, service containers and coordinator, started and stopped together."""

import fcntl
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from getpass import getuser
from pathlib import Path

from coordinator.service import Service
from coordinator.settings import Login, Settings
from local.adapters import make_launcher, open_key_value, open_objects
from local.disk import shortage
from local.docker_launcher import DockerLauncher
from local.engine import Engine, find_engine
from local.folder_source import FolderSource
from local.free_ports import free_ports
from local.home import Home, write_private
from local.images import ensure_images
from local.progress import Say
from local.services import (
    BUCKET,
    EXTERNAL_REGISTRY,
    Services,
    start_external_registry,
    start_services,
    stop_external_registry,
)
from shared.base64_text import decode_base64
from shared.catalogue import STAGE_IMAGES, StageType, read_catalogue
from shared.errors import InfrastructureError, InputError
from shared.model import BUILT_IN_TYPES

PORT = 3005
DRAIN_S = 40
LOCK_S = 60
HOST = "127.0.0.1"


def serve(home: Home, say: Say, port: int | None, lifeline: bool) -> None:
    """Run the service until it is told to stop: by a signal, or with `lifeline` by the end of stdin.

    With `lifeline`, one JSON line on stdout says when it is ready, and the token. Builds that are running at the end
    are cancelled. Raises InfrastructureError when anything does not come up, after stopping what was started.
    """
    stopping = threading.Event()
    _stop_on_signals(stopping)
    if lifeline:
        threading.Thread(target=_wait_for_end_of_stdin, args=(stopping,), daemon=True).start()
    with ExitStack() as stack:
        stack.enter_context(_only_one(home, say))
        if problem := shortage(home.root):
            raise InfrastructureError(problem)
        engine = find_engine(home.engine_root, say)
        stack.callback(engine.stop)
        images = ensure_images(engine, home.cache, say)
        services = start_services(engine, home, say)
        stack.callback(services.stop)
        stack.callback(stop_external_registry, engine, home)
        if not lifeline and home.data(EXTERNAL_REGISTRY).exists():
            start_external_registry(engine, home, say)
        settings = make_settings(home, engine, services, images, port)
        launcher = make_launcher(engine, services, home.instance, settings)
        stack.callback(launcher.close)
        coordinator = _coordinator(settings, launcher, FolderSource(home.git, services.inside_git_url))
        _run(coordinator, home, services, say, stopping, lifeline)


def _coordinator(settings: Settings, launcher: DockerLauncher, source: FolderSource) -> Service:
    kv, objects = open_key_value(settings), open_objects(settings)
    return Service(settings, kv, objects, launcher, source, intake=launcher, secrets=launcher)


def make_settings(
    home: Home, engine: Engine, services: Services, images: Mapping[str, str], port: int | None
) -> Settings:
    """The settings of a coordinator on this machine; without a `port` it gets a free one."""
    made = home.credentials
    chosen = port or next(free_ports(PORT))
    return Settings(
        kv_address=services.kv_address,
        s3_url=services.s3_url,
        kontinuous_url=f"http://{HOST}:{chosen}",
        internal_registry=services.inside_registry,
        auth_secret=decode_base64(made.auth_secret),
        s3_access_key=made.s3_access_key,
        s3_secret_key=made.s3_secret_key,
        etcd_login=Login("coordinator", made.etcd_coordinator_password),
        stage_etcd_login=Login("stage", made.etcd_stage_password),
        registry_login=Login(made.registry_user, made.registry_password),
        git_login=Login(made.git_user, made.git_password),
        s3_bucket=BUCKET,
        stage_kv_address=services.inside_kv_address,
        stage_s3_url=services.inside_s3_url,
        builder_registry=services.registry,
        node_registry=services.registry,
        docker_host=engine.url,
        docker_socket_group=engine.socket.stat().st_gid,
        catalogue={kind: StageType(images[kind]) for kind in BUILT_IN_TYPES} | _own_types(os.environ),
        notification_hosts=("*",),  # who runs the file has the machine
        host=HOST,
        port=chosen,
        remove_jobs=True,
    )


def _own_types(environment: Mapping[str, str]) -> dict[str, StageType]:
    """The stage types that the user adds or replaces, as an operator does on a cluster; raises InputError."""
    try:
        return read_catalogue(environment.get(STAGE_IMAGES, ""))
    except InputError as error:
        raise InputError(f"{STAGE_IMAGES}: {str(error).replace(chr(10), '; ')}") from error


def _run(
    coordinator: Service, home: Home, services: Services, say: Say, stopping: threading.Event, lifeline: bool
) -> None:
    """Serve until `stopping` is set, and leave the service's address and token for other processes meanwhile."""
    url = f"http://{HOST}:{coordinator.port}"
    record = {
        "url": url,
        "token": coordinator.token(getuser()),
        "pid": os.getpid(),
        "registry": services.registry,
        "objects": str(home.data("minio") / BUCKET),
        "lifeline": lifeline,
    }
    server = threading.Thread(target=coordinator.run, name="coordinator", daemon=True)
    server.start()
    write_private(home.service_file, json.dumps(record))
    try:
        say(f"kontinuous is ready at {url}")
        if lifeline:
            print(json.dumps(record), flush=True)
        while not stopping.wait(1.0):
            if not server.is_alive():
                raise InfrastructureError("the coordinator stopped by itself; its last words are above")
            if problem := shortage(home.root):
                # Builds would wait for S3, which cannot say what ails it, until their patience ends.
                coordinator.drain(f"the service: {problem}", DRAIN_S)
    finally:
        home.service_file.unlink(missing_ok=True)
        if not coordinator.drain("the end of the service", DRAIN_S):
            say(f"some containers of stages did not end within {DRAIN_S} s; they are left as they are")
        coordinator.stop()
        server.join(DRAIN_S)


def _stop_on_signals(stopping: threading.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stopping.set())


def _wait_for_end_of_stdin(stopping: threading.Event) -> None:
    # Not through sys.stdin: its lock, held by a thread that reads, makes the interpreter abort at its end.
    while os.read(sys.stdin.fileno(), 1):
        continue
    stopping.set()


@contextmanager
def _only_one(home: Home, say: Say) -> Iterator[None]:
    """Hold the lock of the state folder; one service that is just ending is waited for."""
    with (home.root / "service.lock").open("w") as lock:
        deadline = time.monotonic() + LOCK_S
        while not _locked(lock.fileno()):
            if home.service_file.exists():
                raise InfrastructureError(f"a service for {home.root} runs already: {_address(home.service_file)}")
            if time.monotonic() > deadline:
                raise InfrastructureError(
                    f"another service for {home.root} has neither started nor ended in {LOCK_S} s"
                )
            say("waiting for the service before this one to end")
            time.sleep(1.0)
        yield


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _address(file: Path) -> str:
    try:
        return str(json.loads(file.read_text())["url"])
    except (OSError, ValueError, KeyError):
        return "its address is not known"
