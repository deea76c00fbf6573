"""One service container: started, reused while it is as it should be, waited for, and stopped."""

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.engine import Engine, engine_errors
from local.free_ports import free_ports, remember, remembered
from local.own_engine import is_alive
from shared.errors import InfrastructureError

if TYPE_CHECKING:
    from docker import DockerClient

LABEL_INSTANCE = "kontinuous.io/instance"
LABEL_SERVICE = "kontinuous.io/service"
LABEL_CONFIG = "kontinuous.io/config"
LABEL_OWNER = "kontinuous.io/owner"
READY_S = 45
POLL_S = 0.05
STOP_S = 10
LOG_TAIL_LINES = 15


@dataclass(frozen=True, slots=True)
class Spec:
    """What one service container is. `alias` is its name on the network; `mounts` maps folders here to folders in it.

    `port` is what it listens on; with `prefer` it is also published on 127.0.0.1, on that port or the next free one.
    `generation` stands for what its data folder must fit, so that a container from another time is not reused.
    """

    service: str
    alias: str
    image: str
    port: int
    prefer: int | None = None
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    mounts: Mapping[str, str] = field(default_factory=dict)
    generation: str = ""

    def digest(self) -> str:
        """A hash that changes with anything about the container."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Running:
    """A service container that runs. `port` is the one published on 127.0.0.1, or 0. `to_stop`: it is ours to end."""

    engine: Engine
    name: str
    port: int
    to_stop: bool

    def stop(self) -> None:
        """Stop and remove the container if the call that made this object started it (or took it over)."""
        if not self.to_stop:
            return
        from docker.errors import NotFound

        with engine_errors(f"stop the container {self.name}"), self.engine.client() as client, suppress(NotFound):
            client.api.stop(self.name, timeout=STOP_S)
            client.api.remove_container(self.name, force=True, v=True)

    def wait_until(self, ready: Callable[[], bool]) -> None:
        """Wait until `ready()`; raises InfrastructureError with the container's last lines when it does not come up."""
        deadline = time.monotonic() + READY_S
        while not ready():
            if not self._is_up():
                raise self._failure("ended while it started")
            if time.monotonic() > deadline:
                raise self._failure(f"is not ready after {READY_S} s")
            time.sleep(POLL_S)

    def _failure(self, what: str) -> InfrastructureError:
        return InfrastructureError(f"the container {self.name} {what}; its last lines:\n{self.log_tail()}")

    def _is_up(self) -> bool:
        from docker.errors import NotFound

        with engine_errors(f"look at the container {self.name}"), self.engine.client() as client:
            try:
                return bool(client.api.inspect_container(self.name)["State"]["Running"])
            except NotFound:
                return False

    def log_tail(self) -> str:
        """The container's last lines, stdout and stderr."""
        with engine_errors(f"read the log of {self.name}"), self.engine.client() as client:
            return client.api.logs(self.name, tail=LOG_TAIL_LINES).decode(errors="replace").strip()


def container_name(instance: str, service: str) -> str:
    """What a service's container is called in the engine."""
    return f"kontinuous-{instance}-{service}"


@dataclass(frozen=True, slots=True)
class Runner:
    """Starts the service containers of one instance; `ports` is the folder that remembers their ports."""

    engine: Engine
    instance: str
    network: str
    ports: Path

    def run(self, spec: Spec) -> Running:
        """Start a container as `spec` says, or reuse the one that runs and is just so; does not wait for it."""
        name = container_name(self.instance, spec.service)
        with engine_errors(f"start the container {name}"), self.engine.client() as client:
            if found := self._reuse(client, name, spec):
                return found
            with _absent_is_fine():
                client.api.remove_container(name, force=True, v=True)
            if spec.prefer is None:
                self._start(client, name, spec, None)
                return Running(self.engine, name, 0, to_stop=True)
            return Running(self.engine, name, self._start_published(client, name, spec, spec.prefer), to_stop=True)

    def _reuse(self, client: "DockerClient", name: str, spec: Spec) -> Running | None:
        from docker.errors import NotFound

        try:
            found = client.api.inspect_container(name)
        except NotFound:
            return None
        labels = found["Config"]["Labels"]
        if not found["State"]["Running"] or labels.get(LABEL_CONFIG) != spec.digest():
            return None
        bindings = found["HostConfig"]["PortBindings"] or {}
        port = int(bindings[f"{spec.port}/tcp"][0]["HostPort"]) if bindings else 0
        # Left behind by a process that died: then it is for us to stop.
        return Running(self.engine, name, port, to_stop=not is_alive(int(labels[LABEL_OWNER])))

    def _start_published(self, client: "DockerClient", name: str, spec: Spec, prefer: int) -> int:
        from docker.errors import APIError

        memory = self.ports / f"{spec.service}.port"
        for port in free_ports(remembered(memory, prefer)):
            try:
                self._start(client, name, spec, port)
            except APIError as error:
                # Somebody took the port in between: the next one.
                if not any(text in str(error) for text in ("port is already allocated", "address already in use")):
                    raise
                client.api.remove_container(name, force=True, v=True)
                continue
            remember(memory, port)
            return port
        raise AssertionError("free_ports raises before it ends")

    def _start(self, client: "DockerClient", name: str, spec: Spec, port: int | None) -> None:
        from docker.types import LogConfig

        api = client.api
        labels = {LABEL_SERVICE: spec.service, LABEL_CONFIG: spec.digest(), LABEL_OWNER: str(os.getpid())}
        host_config = api.create_host_config(
            binds=[f"{source}:{target}" for source, target in spec.mounts.items()],
            port_bindings={spec.port: ("127.0.0.1", port)} if port else None,
            network_mode=self.network,
            log_config=LogConfig(type="local", config={"max-size": "10m", "max-file": "2"}),
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
        )
        endpoint = api.create_endpoint_config(aliases=[spec.alias])
        made: dict[str, Any] = api.create_container(
            spec.image, command=list(spec.command) or None, name=name,
            labels=labels | {LABEL_INSTANCE: self.instance}, environment=dict(spec.environment),
            user=f"{os.getuid()}:{os.getgid()}", ports=[spec.port], host_config=host_config,
            networking_config={"EndpointsConfig": {self.network: endpoint}},
        )  # fmt: skip
        api.start(made["Id"])


def _absent_is_fine() -> suppress:
    from docker.errors import NotFound

    return suppress(NotFound)
