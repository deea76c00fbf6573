"""What the setup is to make, read from the same settings as the coordinator's."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from coordinator.settings_reader import POD_NAMESPACE_FILE
from shared.errors import InputError

_VARIABLES = ("KV_ADDRESS", "S3_URL", "INTERNAL_REGISTRY")


@dataclass(frozen=True, slots=True)
class Service:
    """A Service of the cluster."""

    name: str
    namespace: str

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names by which pods of any namespace reach it, the usual one first."""
        return tuple(f"{self.name}.{self.namespace}{end}" for end in (".svc", ".svc.cluster.local", ""))


@dataclass(frozen=True, slots=True)
class Plan:
    """Where kontinuous is being installed. A store or builder that is None is no Service: it is somebody else's."""

    namespace: str
    kv_address: str
    s3_url: str
    s3_bucket: str
    s3_region: str
    s3: Service | None
    registry: Service | None
    builder: Service | None


def read_plan(environment: Mapping[str, str]) -> Plan:
    """Read the variables; raises InputError that names all that are missing."""
    missing = [name for name in _VARIABLES if not environment.get(name)]
    namespace = environment.get("POD_NAMESPACE") or _own_namespace()
    if missing or not namespace:
        raise InputError(f"not set: {', '.join([*missing, *([] if namespace else ['POD_NAMESPACE'])])}")
    builder = environment.get("BUILDER_ADDRESS", "")
    return Plan(
        namespace=namespace,
        kv_address=environment["KV_ADDRESS"],
        s3_url=environment["S3_URL"],
        s3_bucket=environment.get("S3_BUCKET", "kontinuous"),
        s3_region=environment.get("S3_REGION", "us-east-1"),
        s3=service_of(environment["S3_URL"], namespace),
        registry=service_of(environment["INTERNAL_REGISTRY"], namespace),
        builder=service_of(builder, namespace) if builder.startswith("tcp://") else None,
    )


def service_of(address: str, namespace: str) -> Service | None:
    """The Service that an address (`host:port` or a URL) names, as seen from `namespace`; None for any other host."""
    host = urlsplit(address if "://" in address else f"//{address}").hostname or ""
    name, _, rest = host.partition(".")
    where, _, kind = rest.partition(".")
    if not rest:
        return Service(name, namespace) if name and name != "localhost" else None
    return Service(name, where) if kind == "svc" or kind.startswith("svc.") else None


def _own_namespace() -> str:
    file = Path(POD_NAMESPACE_FILE)
    return file.read_text().strip() if file.is_file() else ""
