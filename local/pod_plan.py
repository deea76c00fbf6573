"""What is to be made in the Docker engine for one Job, and the part of it that must survive us: the record."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ContainerRecord:
    """One container by its name in the pod, and the command of its postStart hook (empty: none)."""

    name: str
    hook: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PodRecord:
    """All that is needed to go on with a pod after the launcher was restarted; kept in the engine as a label.

    `containers` are in the order of their start. `ends_at` is the Unix time of the deadline, `limit_s` the
    length that led to it; 0 means none.
    """

    namespace: str
    name: str
    build_key: str
    containers: tuple[ContainerRecord, ...]
    grace_s: int = 30
    limit_s: int = 0
    ends_at: float = 0


@dataclass(frozen=True, slots=True)
class ContainerPlan:
    """One container: its name in the pod, the body of `POST /containers/create`, and whether its image is pulled.

    `pull` is Kubernetes' imagePullPolicy.
    """

    name: str
    body: Mapping[str, Any]
    pull: str = "IfNotPresent"

    @property
    def image(self) -> str:
        """The image as the manifest names it."""
        return str(self.body["Image"])


@dataclass(frozen=True, slots=True)
class SecretItem:
    """One key of a Secret, the path below the mount where its value goes, and the file's mode."""

    key: str
    path: str
    mode: int


@dataclass(frozen=True, slots=True)
class SecretVolume:
    """A volume that a Secret is to be written to. Without `items` every key becomes a file of its name."""

    volume: str
    secret: str
    optional: bool
    mode: int
    items: tuple[SecretItem, ...] = ()


@dataclass(frozen=True, slots=True)
class PodPlan:
    """A whole pod. `folders` are the volumes, on disk, that begin empty and that anyone may write to."""

    record: PodRecord
    containers: tuple[ContainerPlan, ...]
    folders: tuple[str, ...] = ()
    secrets: tuple[SecretVolume, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
