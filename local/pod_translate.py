"""A Job manifest as the containers of a Docker engine. Pure.

One Docker container per container of the pod. The first joins the network and carries the pod's host name, the
others share its network namespace. An emptyDir is a named volume, or one on tmpfs for medium Memory; each secret
volume is a Docker volume of its own, mounted read-only and only where the manifest mounts it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from local.pod_names import LABEL_CONTAINER, PodNames
from local.pod_plan import ContainerPlan, ContainerRecord, PodPlan, PodRecord, SecretItem, SecretVolume
from local.pod_support import UnsupportedManifest, check_supported
from local.quantity import parse_quantity
from local.variable_references import expand, expand_environment
from shared.errors import InputError
from shared.keys import ANNOTATION_BUILD_KEY
from shared.ports import JobRef, Manifest

MEMORY_VOLUME_BYTES = 64 * 1024 * 1024
SECRET_MODE = 0o644
GRACE_S = 30
_LABEL_FORM = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
# The driver `local` keeps every byte as it is. One file: a second one would mean that the first bytes were dropped.
_LOGS = {"Type": "local", "Config": {"max-size": "1g", "max-file": "1", "compress": "false"}}


@dataclass(frozen=True, slots=True)
class Place:
    """Where pods run: the instance, its Docker network, the engine's number of CPUs."""

    instance: str
    network: str
    cpus: int


def translate(job: Manifest, place: Place, now: float) -> PodPlan:
    """Turn a Job into a plan; `now` is the Unix time that its deadline counts from.

    Raises UnsupportedManifest that names each field we cannot honour, or the value that makes no sense.
    """
    check_supported(job)
    try:
        return _translate(job, place, now)
    except InputError as error:
        raise UnsupportedManifest(f"the Job manifest does not fit: {error}") from error
    except KeyError as error:
        raise UnsupportedManifest(f"the Job manifest lacks the field {error}") from error


def job_ref(job: Manifest) -> JobRef:
    """Which Job a manifest describes. Raises UnsupportedManifest where its name is not a DNS label."""
    meta = job["metadata"]
    if not _LABEL_FORM.fullmatch(meta["name"]):
        raise UnsupportedManifest(f"metadata.name {meta['name']!r} is not a DNS label")
    return JobRef(meta.get("namespace") or "default", meta["name"])


def _translate(job: Manifest, place: Place, now: float) -> PodPlan:
    template = job["spec"]["template"]
    pod = template["spec"]
    names = PodNames(place.instance, job_ref(job))
    volumes = {volume["name"]: volume for volume in pod.get("volumes") or ()}
    labels = {**(template.get("metadata", {}).get("labels") or {}), **names.labels}
    return PodPlan(
        record=_record(job, names, now),
        containers=tuple(
            ContainerPlan(
                name=container["name"],
                body=_body(container, pod, volumes, names, place) | {"Labels": _labels(labels, container)},
                pull=container.get("imagePullPolicy") or _default_pull(container["image"]),
            )
            for container in pod["containers"]
        ),
        folders=tuple(names.volume(name) for name, volume in volumes.items() if _on_disk(volume)),
        secrets=tuple(_secret(names, volume) for volume in volumes.values() if "secret" in volume),
        labels=names.labels,
    )


def _record(job: Manifest, names: PodNames, now: float) -> PodRecord:
    pod = job["spec"]["template"]["spec"]
    limit_s = int(job["spec"].get("activeDeadlineSeconds") or 0)
    return PodRecord(
        namespace=names.ref.namespace,
        name=names.ref.name,
        build_key=(job["metadata"].get("annotations") or {}).get(ANNOTATION_BUILD_KEY, ""),
        containers=tuple(ContainerRecord(c["name"], _hook(c)) for c in pod["containers"]),
        grace_s=_grace_s(pod),
        limit_s=limit_s,
        ends_at=now + limit_s if limit_s else 0,
    )


def _hook(container: Mapping[str, Any]) -> tuple[str, ...]:
    # Kubernetes does not expand variable references in a hook's command.
    return tuple(container.get("lifecycle", {}).get("postStart", {}).get("exec", {}).get("command", ()))


def _grace_s(pod: Mapping[str, Any]) -> int:
    return int(pod.get("terminationGracePeriodSeconds", GRACE_S))


def _default_pull(image: str) -> str:
    """Kubernetes' default: a name without a tag, or with `latest`, is looked up anew each time."""
    name = image.rsplit("/", 1)[-1]
    return "Always" if "@" not in image and (":" not in name or name.endswith(":latest")) else "IfNotPresent"


def _labels(labels: Mapping[str, str], container: Mapping[str, Any]) -> dict[str, str]:
    return {**labels, LABEL_CONTAINER: container["name"]}


def _body(
    container: Mapping[str, Any], pod: Mapping[str, Any], volumes: Mapping[str, Any], names: PodNames, place: Place
) -> dict[str, Any]:
    env = expand_environment(container.get("env") or ())
    security = {**(pod.get("securityContext") or {}), **(container.get("securityContext") or {})}
    first = pod["containers"][0]["name"]
    is_first = container["name"] == first
    optional = {
        "Hostname": names.ref.name if is_first else None,
        "Entrypoint": [expand(word, env) for word in container.get("command") or ()] or None,
        "Cmd": [expand(word, env) for word in container.get("args") or ()] or None,
        "User": _user(security),
        "WorkingDir": container.get("workingDir"),
    }
    return {
        "Image": container["image"],
        "Env": [f"{name}={value}" for name, value in env.items()],
        "StopTimeout": _grace_s(pod),
        "Healthcheck": {"Test": ["NONE"]},  # an image's own health check means nothing to Kubernetes
        **{key: value for key, value in optional.items() if value is not None},
        "HostConfig": {
            "NetworkMode": place.network if is_first else f"container:{names.container(first)}",
            "LogConfig": _LOGS,
            "Mounts": [_mount(mount, volumes, names) for mount in container.get("volumeMounts") or ()],
            **_security(security),
            **_limits(container, place),
        },
    }


def _user(security: Mapping[str, Any]) -> str | None:
    user, group = security.get("runAsUser"), security.get("runAsGroup")
    if security.get("runAsNonRoot") and not user:
        raise InputError("securityContext.runAsNonRoot needs a runAsUser other than 0")
    if user is None:
        if group is not None:
            raise InputError("securityContext.runAsGroup needs a runAsUser")
        return None
    return f"{user}" if group is None else f"{user}:{group}"


def _security(security: Mapping[str, Any]) -> dict[str, Any]:
    capabilities = security.get("capabilities") or {}
    return {
        "ReadonlyRootfs": bool(security.get("readOnlyRootFilesystem")),
        "CapAdd": list(capabilities.get("add") or ()),
        "CapDrop": list(capabilities.get("drop") or ()),
        "SecurityOpt": ["no-new-privileges"] if security.get("allowPrivilegeEscalation") is False else [],
        "GroupAdd": [str(group) for group in security.get("supplementalGroups") or ()],
    }


def _limits(container: Mapping[str, Any], place: Place) -> dict[str, int]:
    limits = (container.get("resources") or {}).get("limits") or {}
    result: dict[str, int] = {}
    if "memory" in limits:
        memory = int(parse_quantity(limits["memory"]))
        result |= {"Memory": memory, "MemorySwap": memory}  # equal: no swap beside it
    if "cpu" in limits:
        # The engine refuses more than the machine has, while to Kubernetes that is just no limit.
        result["NanoCpus"] = int(min(parse_quantity(limits["cpu"]), Decimal(place.cpus)) * 10**9)
    return result


def _mount(mount: Mapping[str, Any], volumes: Mapping[str, Any], names: PodNames) -> dict[str, Any]:
    name = mount["name"]
    if name not in volumes:
        raise InputError(f"volumeMounts names a volume {name!r} that spec.volumes lacks")
    volume = volumes[name]
    read_only = bool(mount.get("readOnly")) or "secret" in volume
    common = {"Target": mount["mountPath"], "ReadOnly": read_only}
    if "hostPath" in volume:
        return {"Type": "bind", "Source": volume["hostPath"]["path"], **common}
    if "emptyDir" in volume or "secret" in volume:
        return {"Source": names.volume(name), **common, **volume_mount(names.labels, _driver(volume))}
    raise InputError(f"the volume {name!r} is neither emptyDir, secret nor hostPath")


def volume_mount(labels: Mapping[str, str], driver: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The part of a mount that makes the engine create the volume with the container, empty as Kubernetes' are."""
    options = {"NoCopy": True, "Labels": dict(labels), **({"DriverConfig": dict(driver)} if driver else {})}
    return {"Type": "volume", "VolumeOptions": options}


def _on_disk(volume: Mapping[str, Any]) -> bool:
    return "emptyDir" in volume and (volume["emptyDir"] or {}).get("medium") != "Memory"


def _driver(volume: Mapping[str, Any]) -> dict[str, Any] | None:
    if "emptyDir" not in volume:
        return None
    empty = volume["emptyDir"] or {}
    if _on_disk(volume):
        if "sizeLimit" in empty:
            raise InputError(f"the volume {volume['name']!r} has a sizeLimit, which only medium Memory can keep")
        return None
    size = int(parse_quantity(empty.get("sizeLimit", MEMORY_VOLUME_BYTES)))
    return {"Name": "local", "Options": {"type": "tmpfs", "device": "tmpfs", "o": f"size={size},mode=1777"}}


def _secret(names: PodNames, volume: Mapping[str, Any]) -> SecretVolume:
    secret = volume["secret"]
    mode = int(secret.get("defaultMode", SECRET_MODE))
    return SecretVolume(
        volume=names.volume(volume["name"]),
        secret=secret["secretName"],
        optional=bool(secret.get("optional")),
        mode=mode,
        items=tuple(_item(item, mode) for item in secret.get("items") or ()),
    )


def _item(item: Mapping[str, Any], mode: int) -> SecretItem:
    path = str(item["path"])
    if path.startswith("/") or ".." in path.split("/"):
        raise InputError(f"the secret's item path {path!r} leaves its volume")
    return SecretItem(item["key"], path, int(item.get("mode", mode)))
