"""The stores that a build needs, as containers on one Docker network: etcd, S3, the internal registry and git.

On the network they have the names and ports that they have on a cluster; on this machine etcd, S3 and the
registry are published on 127.0.0.1. Their data lies below the state folder. A call reuses what runs already, and
stops in the end only what it started.
"""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from coordinator.setup.passwords import htpasswd, htpasswd_fits
from coordinator.setup.store_secrets import rclone_pair, registry_auth
from local.containers import Runner, Running, Spec, container_name
from local.engine import Engine
from local.home import Credentials, Home, short_hash, write_private
from local.images import ensure_images
from local.networks import make_network, remove_network
from local.progress import Say
from local.readiness import readiness
from shared.errors import InfrastructureError

ETCD = "etcd"
S3 = "minio"
REGISTRY = "internal-registry"
GIT = "git"
EXTERNAL_REGISTRY = "external-registry"
BUCKET = "kontinuous"
SERVICE_IMAGES = ("etcd", "registry", "s3", "git")
ETCD_PORT = 2379
S3_PORT = 9000
REGISTRY_PORT = 5000
EXTERNAL_REGISTRY_PORT = 5050
GIT_PORT = 8080
# On one machine a member has no peers to wait for: short timers make a new leader, and so the start, quick.
ETCD_COMMAND = (
    "--name=etcd", "--data-dir=/data", f"--listen-client-urls=http://0.0.0.0:{ETCD_PORT}",
    f"--advertise-client-urls=http://{ETCD}:{ETCD_PORT}", "--listen-peer-urls=http://127.0.0.1:2380",
    "--heartbeat-interval=50", "--election-timeout=500", "--bcrypt-cost=4", "--log-level=warn",
    "--auto-compaction-mode=periodic", "--auto-compaction-retention=1h", f"--quota-backend-bytes={2 << 30}",
)  # fmt: skip

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True, slots=True)
class Services:
    """The running services. Addresses come twice: as this machine reaches them, and as containers on `network` do."""

    engine: Engine
    network: str
    credentials: Credentials
    containers: Mapping[str, Running]

    @property
    def kv_address(self) -> str:
        """etcd for a process on this machine, as host:port."""
        return f"127.0.0.1:{self.containers[ETCD].port}"

    @property
    def s3_url(self) -> str:
        """S3 for a process on this machine."""
        return f"http://127.0.0.1:{self.containers[S3].port}"

    @property
    def registry(self) -> str:
        """The internal registry as the Docker engine and this machine see it, as host:port."""
        return f"localhost:{self.containers[REGISTRY].port}"

    @property
    def inside_kv_address(self) -> str:
        """etcd for a container on the network."""
        return f"{ETCD}:{ETCD_PORT}"

    @property
    def inside_s3_url(self) -> str:
        """S3 for a container on the network."""
        return f"http://{S3}:{S3_PORT}"

    @property
    def inside_registry(self) -> str:
        """The internal registry for a container on the network."""
        return f"{REGISTRY}:{REGISTRY_PORT}"

    @property
    def inside_git_url(self) -> str:
        """Where containers on the network clone from: append `/<owner>/<name>.git`."""
        return f"http://{GIT}:{GIT_PORT}"

    def stop(self) -> None:
        """Stop what the call that made this object started, all at once, and remove the network if it is empty."""
        _all_at_once(Running.stop, self.containers.values())
        if all(running.to_stop for running in self.containers.values()):
            remove_network(self.engine, self.network)


@dataclass(frozen=True, slots=True)
class ExternalRegistry:
    """A second registry, with a password of its own, that stands for one outside. `address` is host:port."""

    address: str
    user: str
    password: str
    container: Running

    def stop(self) -> None:
        """Stop it if the call that made this object started it."""
        self.container.stop()


def start_services(engine: Engine, home: Home, say: Say) -> Services:
    """Start the services of a state folder and wait until all are ready; builds images that are missing.

    Raises InfrastructureError, with a container's last lines, when one does not come up; what was started is then
    stopped again.
    """
    images = ensure_images(engine, home.cache, say, SERVICE_IMAGES)
    runner = _runner(engine, home)
    specs = _specs(home, images)
    say(f"services: starting {', '.join(spec.alias for spec in specs)} on the network {runner.network}")
    containers = _all_started(runner, specs, home.credentials)
    services = Services(engine, runner.network, home.credentials, containers)
    say(f"services: etcd {services.kv_address}, S3 {services.s3_url}, registry {services.registry}")
    return services


def start_external_registry(engine: Engine, home: Home, say: Say) -> ExternalRegistry:
    """Start the registry that stands for an external one, and wait until it is ready."""
    images = ensure_images(engine, home.cache, say, ["registry"])
    user, password = home.credentials.external_registry_user, home.credentials.external_registry_password
    spec = _registry_spec(home, images, EXTERNAL_REGISTRY, EXTERNAL_REGISTRY_PORT, user, password)
    running = _all_started(_runner(engine, home), [spec], home.credentials)[EXTERNAL_REGISTRY]
    say(f"external registry: localhost:{running.port}, user {user}")
    return ExternalRegistry(f"localhost:{running.port}", user, password, running)


def stop_external_registry(engine: Engine, home: Home) -> None:
    """Stop the registry that stands for an external one, whoever started it; one that is not there is fine."""
    Running(engine, container_name(home.instance, EXTERNAL_REGISTRY), port=0, to_stop=True).stop()


def _runner(engine: Engine, home: Home) -> Runner:
    network = f"kontinuous-{home.instance}"
    make_network(engine, network, home.instance)
    return Runner(engine, home.instance, network, home.root / "config")


def _specs(home: Home, images: Mapping[str, str]) -> list[Spec]:
    credentials = home.credentials
    _folder(home.data(S3) / BUCKET)
    s3_keys = {"RCLONE_AUTH_KEY": rclone_pair(credentials.s3_access_key, credentials.s3_secret_key)}
    git_config = _htpasswd(home, GIT, credentials.git_user, credentials.git_password)
    return [
        Spec(
            ETCD,
            ETCD,
            images["etcd"],
            ETCD_PORT,
            ETCD_PORT,
            ETCD_COMMAND,
            mounts={_folder(home.data(ETCD)): "/data"},
            generation=short_hash(credentials.etcd_root_password),
        ),
        Spec(S3, S3, images["s3"], S3_PORT, S3_PORT, environment=s3_keys, mounts={_folder(home.data(S3)): "/data"}),
        _registry_spec(home, images, REGISTRY, REGISTRY_PORT, credentials.registry_user, credentials.registry_password),
        Spec(GIT, GIT, images["git"], GIT_PORT, mounts={str(home.git): "/git:ro", git_config: "/config:ro"}),
    ]


def _registry_spec(home: Home, images: Mapping[str, str], name: str, prefer: int, user: str, password: str) -> Spec:
    mounts = {_folder(home.data(name)): "/data", _htpasswd(home, name, user, password): "/config:ro"}
    environment = {"REGISTRY_AUTH": registry_auth()}
    return Spec(name, name, images["registry"], REGISTRY_PORT, prefer, environment=environment, mounts=mounts)


def _htpasswd(home: Home, service: str, user: str, password: str) -> str:
    """Write a service's password file where there is none that fits; returns its folder."""
    file = Path(_folder(home.config(service))) / "htpasswd"
    if not file.exists() or not htpasswd_fits(file.read_text(), user, password):
        write_private(file, htpasswd(user, password))
    return str(file.parent)


def _folder(path: Path) -> str:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InfrastructureError(f"cannot make the folder {path}: {error}") from error
    return str(path)


def _all_started(runner: Runner, specs: Iterable[Spec], credentials: Credentials) -> dict[str, Running]:
    """Start containers at once and wait until they are ready; when one fails, stop those that were started."""
    started: list[Running] = []

    def start(spec: Spec) -> Running:
        running = runner.run(spec)
        started.append(running)
        running.wait_until(readiness(spec.service, running, credentials))
        return running

    specs = list(specs)
    try:
        return dict(zip((spec.service for spec in specs), _all_at_once(start, specs), strict=True))
    except BaseException:
        _all_at_once(Running.stop, started)
        raise


def _all_at_once(work: Callable[[T], U], items: Iterable[T]) -> list[U]:
    """Do `work` on all items, each in a thread; raises the first error once all have ended."""
    todo = list(items)
    with ThreadPoolExecutor(max(1, len(todo))) as pool:
        return list(pool.map(work, todo))
