"""Secrets for pods: kept in memory, and packed, with the empty folders, into one archive that fills a pod's volumes."""

import base64
import io
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from threading import Lock

from local.pod_plan import SecretVolume
from shared.ports import Manifest

VOLUMES = "kontinuous-volumes"
"""The folder, in the container that fills them, below which a pod's volumes are mounted by their names."""

Files = Sequence[tuple[str, bytes, int]]
"""Paths relative to VOLUMES, contents and modes."""


class SecretMissing(Exception):
    """A pod needs a Secret, or a key of one, that nobody gave; the text is for a person."""


class SecretStore:
    """The namespaces' Secrets of the one-machine mode. They live in this process and nowhere else."""

    def __init__(self) -> None:
        self._secrets: dict[tuple[str, str], dict[str, bytes]] = {}
        self._lock = Lock()

    def put(self, namespace: str, name: str, data: Mapping[str, bytes]) -> None:
        """Take in a Secret, in place of one of that name."""
        with self._lock:
            self._secrets[namespace, name] = dict(data)

    def read(self, namespace: str, name: str) -> Mapping[str, bytes]:
        """A Secret's values by key; raises SecretMissing."""
        with self._lock:
            data = self._secrets.get((namespace, name))
        if data is None:
            raise SecretMissing(_not_there(namespace, name))
        return data

    def files(self, namespace: str, volumes: Iterable[SecretVolume], given: Iterable[Manifest]) -> Files:
        """The files of a pod's secret volumes, from the Secret manifests `given` with its Job or from this store.

        Raises SecretMissing.
        """
        own = {secret["metadata"]["name"]: _decode(secret) for secret in given}
        return [file for volume in volumes for file in self._volume(namespace, volume, own)]

    def _volume(self, namespace: str, volume: SecretVolume, own: Mapping[str, Mapping[str, bytes]]) -> Files:
        with self._lock:
            data = own.get(volume.secret, self._secrets.get((namespace, volume.secret)))
        if data is None:
            if volume.optional:
                return []
            raise SecretMissing(_not_there(namespace, volume.secret))
        if not volume.items:
            return [(f"{volume.volume}/{key}", value, volume.mode) for key, value in data.items()]
        missing = [item.key for item in volume.items if item.key not in data]
        if missing and not volume.optional:
            raise SecretMissing(f"the Secret {volume.secret!r} in namespace {namespace!r} has no key {missing[0]!r}")
        return [(f"{volume.volume}/{i.path}", data[i.key], i.mode) for i in volume.items if i.key in data]


def _not_there(namespace: str, name: str) -> str:
    return (
        f"there is no Secret {name!r} in namespace {namespace!r}: put a Kubernetes Secret document of that name "
        f"and namespace into a YAML file and give it with `kontinuous run --secrets FILE`"
    )


def _decode(secret: Manifest) -> dict[str, bytes]:
    data = {key: base64.b64decode(value) for key, value in (secret.get("data") or {}).items()}
    return data | {key: value.encode() for key, value in (secret.get("stringData") or {}).items()}


def volume_archive(folders: Iterable[str], files: Files) -> bytes:
    """A tar archive, to be unpacked at `/`: folders that any user may write to, and read-only secrets' files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for folder in folders:
            entry = tarfile.TarInfo(f"{VOLUMES}/{folder}")
            entry.type, entry.mode = tarfile.DIRTYPE, 0o777
            archive.addfile(entry)
        for path, content, mode in files:
            entry = tarfile.TarInfo(f"{VOLUMES}/{path}")
            entry.size, entry.mode = len(content), mode
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
