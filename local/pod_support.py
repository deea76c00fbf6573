"""Which fields of a Job manifest the Docker launcher knows. Any other is refused by name: none is dropped silently."""

from collections.abc import Iterator, Mapping

from shared.errors import InfrastructureError
from shared.json_value import Json
from shared.ports import Manifest


class UnsupportedManifest(InfrastructureError):
    """The manifest asks for something that a Docker engine cannot give; the text names the field."""


class _Whole:
    """A field whose content is taken as it is, or that has no meaning without a cluster."""


_WHOLE = _Whole()

_META = {"name": _WHOLE, "namespace": _WHOLE, "labels": _WHOLE, "annotations": _WHOLE}
_SECCOMP = {"type": ("RuntimeDefault",)}  # Docker's own profile is the runtime's default
_IDENTITY = {"runAsNonRoot": _WHOLE, "runAsUser": _WHOLE, "runAsGroup": _WHOLE, "seccompProfile": _SECCOMP}
_CONTAINER = {
    "name": _WHOLE,
    "image": _WHOLE,
    "imagePullPolicy": ("IfNotPresent", "Always", "Never"),
    "command": _WHOLE,
    "args": _WHOLE,
    "env": [{"name": _WHOLE, "value": _WHOLE}],
    "workingDir": _WHOLE,
    "securityContext": {
        **_IDENTITY,
        "allowPrivilegeEscalation": (True, False),
        "readOnlyRootFilesystem": (True, False),
        "capabilities": {"add": _WHOLE, "drop": _WHOLE},
        "privileged": (False,),
    },
    # Requests are for a scheduler, and one machine has nothing to choose from; its engine limits no disk.
    "resources": {"limits": {"memory": _WHOLE, "cpu": _WHOLE, "ephemeral-storage": _WHOLE}, "requests": _WHOLE},
    "lifecycle": {"postStart": {"exec": {"command": _WHOLE}}},
    "volumeMounts": [{"name": _WHOLE, "mountPath": _WHOLE, "readOnly": (True, False)}],
}
_VOLUME = {
    "name": _WHOLE,
    "emptyDir": {"medium": ("", "Memory"), "sizeLimit": _WHOLE},
    "secret": {
        "secretName": _WHOLE,
        "optional": (True, False),
        "defaultMode": _WHOLE,
        "items": [{"key": _WHOLE, "path": _WHOLE, "mode": _WHOLE}],
    },
    "hostPath": {"path": _WHOLE, "type": ("Socket",)},
}
_JOB = {
    "apiVersion": ("batch/v1",),
    "kind": ("Job",),
    "metadata": _META,
    "spec": {
        "backoffLimit": (0,),
        "activeDeadlineSeconds": _WHOLE,
        "ttlSecondsAfterFinished": _WHOLE,  # the coordinator removes Jobs; this is the cluster's safety net
        "template": {
            "metadata": _META,
            "spec": {
                "restartPolicy": ("Never",),
                "automountServiceAccountToken": (False,),
                "enableServiceLinks": _WHOLE,  # there are no Services to link
                "terminationGracePeriodSeconds": _WHOLE,
                "imagePullSecrets": _WHOLE,  # the launcher has its own login at the internal registry
                "securityContext": {**_IDENTITY, "supplementalGroups": _WHOLE},
                "containers": [_CONTAINER],
                "volumes": [_VOLUME],
            },
        },
    },
}


def check_supported(job: Manifest) -> None:
    """Raise UnsupportedManifest that names every field and value which we could not honour."""
    problems = list(_problems(job, _JOB, ""))
    if problems:
        raise UnsupportedManifest(f"the Docker launcher does not support {', '.join(problems)}")


def _problems(value: Json, known: Json, path: str) -> Iterator[str]:
    match known:
        case _Whole():
            return
        case tuple():
            if value not in known:
                yield f"{path}: {value!r}"
        case list():
            yield from _list_problems(value, known[0], path)
        case dict() if isinstance(value, Mapping):
            for key, item in value.items():
                below = f"{path}.{key}" if path else key
                yield from _problems(item, known[key], below) if key in known else (below,)
        case _:
            yield f"{path}: {value!r}"


def _list_problems(value: Json, known: Json, path: str) -> Iterator[str]:
    if not isinstance(value, (list, tuple)):
        yield f"{path}: {value!r}"
        return
    for index, item in enumerate(value):
        yield from _problems(item, known, f"{path}[{index}]")
