"""Making a pod in the engine: containers and volumes side by side, then the volumes' content, then its record.

The record comes last: a pod that has one is whole, and one that has none was never accepted and may be cleared away.
Volumes are filled through a container that is never started, since the engine unpacks nothing into a container
whose root is read-only, and since this way a secret's volume is mounted writable nowhere else.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from typing import Any

from local.image_pull import invalid_name
from local.pod_engine import NOT_FOUND, EngineError, PodEngine
from local.pod_names import LABEL_RECORD, PodNames
from local.pod_plan import PodPlan, PodRecord
from local.pod_secrets import VOLUMES, Files, volume_archive
from local.pod_state import Verdict
from local.pod_translate import volume_mount
from shared.codec import encode


class CannotMake(Exception):
    """The engine refuses a container for good; `verdict` says why."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.message)
        self.verdict = verdict


class PodMaker:
    """Makes one pod. `pool` lends threads for calls that may run side by side."""

    def __init__(self, engine: PodEngine, pool: Executor, names: PodNames, plan: PodPlan, files: Files) -> None:
        self._engine = engine
        self._pool = pool
        self._names = names
        self._plan = plan
        self._files = files
        self._to_make = dict(self._bodies())

    def images_to_renew(self) -> tuple[str, ...]:
        """The images that are to be pulled although they may be there."""
        return tuple(dict.fromkeys(c.image for c in self._plan.containers if c.pull == "Always"))

    def create(self) -> tuple[str, ...]:
        """Create the containers that are not there yet; returns the images that are missing for the others.

        Raises CannotMake where the engine refuses one, EngineError where it does not answer.
        """
        missing = dict(zip(self._to_make, self._pool.map(self._create, self._to_make.items()), strict=True))
        self._to_make = {name: self._to_make[name] for name, image in missing.items() if image}
        images = tuple(dict.fromkeys(image for image in missing.values() if image))
        for container in self._plan.containers:
            if container.image in images and container.pull == "Never":
                text = f"image {container.image} is not there, and imagePullPolicy is Never"
                raise CannotMake(Verdict("ErrImageNeverPull", text, permanent=True))
        return images

    def finish(self) -> None:
        """Fill the volumes and write the record: from here on the pod survives this process."""
        if self._volumes:
            try:
                self._engine.unpack(self._names.carrier, volume_archive(self._plan.folders, self._files))
            except EngineError as error:
                raise _refusal("the pod's volumes cannot be filled", error) from error
        write_record(self._engine, self._names, self._plan.record)

    @property
    def _volumes(self) -> tuple[str, ...]:
        return (*self._plan.folders, *(secret.volume for secret in self._plan.secrets))

    def _bodies(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for container in self._plan.containers:
            yield self._names.container(container.name), container.body
        if self._volumes:
            yield self._names.carrier, self._carrier()

    def _carrier(self) -> dict[str, Any]:
        mounts = [
            {"Source": volume, "Target": f"/{VOLUMES}/{volume}", **volume_mount(self._plan.labels)}
            for volume in self._volumes
        ]
        return {
            "Image": self._plan.containers[0].image,
            "Entrypoint": ["/never-started"],
            "Labels": dict(self._plan.labels),
            "NetworkDisabled": True,
            "HostConfig": {"NetworkMode": "none", "Mounts": mounts},
        }

    def _create(self, item: tuple[str, Mapping[str, Any]]) -> str:
        """Create one container; returns its image where that is missing, else ""."""
        name, body = item
        try:
            self._engine.create_container(name, body)
        except EngineError as error:
            if error.status == NOT_FOUND and "no such image" in str(error).lower():
                return str(body["Image"])
            raise _refusal(f"container {name} cannot be created", error, str(body["Image"])) from error
        return ""


def write_record(engine: PodEngine, names: PodNames, record: PodRecord) -> None:
    """Keep a pod's record in the engine; one that is there stays."""
    engine.create_volume(names.record, {**names.labels, LABEL_RECORD: encode(record).decode()})


def sweep(engine: PodEngine, pool: Executor, names: PodNames) -> None:
    """Remove all that the engine has of a pod, its record last, so that a sweep cut short can be done again."""
    labels = [f"{key}={value}" for key, value in names.labels.items()]
    containers = [container["Id"] for container in engine.containers(labels)]
    list(pool.map(engine.remove_container, containers))
    volumes = {volume["Name"] for volume in engine.volumes(labels)}
    list(pool.map(engine.remove_volume, volumes - {names.record}))
    engine.remove_volume(names.record)


def _refusal(what: str, error: EngineError, image: str = "") -> Exception:
    """A refusal of the engine as CannotMake; silence of the engine stays the EngineError that it is."""
    if not error.status:
        return error
    invalid = invalid_name(image, str(error)) if image else None
    return CannotMake(invalid or Verdict("CreateContainerError", f"{what}: {error}", permanent=True))
