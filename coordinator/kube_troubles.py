"""What keeps a pod from starting, read off Kubernetes' words: which trouble, and whether it may still heal. Pure."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from shared.keys import STAGE_CONTAINER

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Trouble:
    """One trouble; `reason` is "" where there is none. `permanent`: waiting will not heal it."""

    reason: str = ""
    message: str = ""
    permanent: bool = False


NONE = Trouble()

_STARTING = frozenset({"", "ContainerCreating", "PodInitializing"})
# What a registry that answers says of an image that it will not give; anything else may be a registry that is away.
_NO_IMAGE = re.compile(
    r"not found|manifest unknown|name unknown|does not exist|repository name not known|unauthorized|denied|forbidden"
    r"|authentication required|no basic auth|\b40[134]\b|no match for platform|no matching manifest",
    re.IGNORECASE,
)
_AWAY = re.compile(
    r"dial tcp|no such host|connection (refused|reset)|i/o timeout|timed? ?out|deadline exceeded|\bEOF\b|x509|tls:"
    r"|network is unreachable|no route to host|server misbehaving|\b50[0234]\b|toomanyrequests|too many requests",
    re.IGNORECASE,
)
_RPC = re.compile(r"rpc error: code = \w+ desc = ")
_SECRET = re.compile(r'secrets? \\?"(?P<name>[^"\\]+)\\?" not found')
_KEY = re.compile(r"references non-existent secret key: (?P<key>\S+)")
_LIMIT_RANGE = re.compile(r"(minimum|maximum) \S+ usage per \w+ is|max limit to request ratio per")


def of_waiting_container(status: Object, namespace: str, own_secrets: Collection[str]) -> Trouble:
    """What a container waits for, where it is more than its turn; `own_secrets` are not the user's to give."""
    waiting = status["state"].get("waiting") or {}
    reason, message = str(waiting.get("reason", "")), _RPC.sub("", str(waiting.get("message", "")))
    name = str(status["name"])
    image = _image(name, str(status.get("image", "")))
    match reason:
        case reason if reason in _STARTING:
            return NONE
        case "ErrImagePull" | "ImagePullBackOff":
            return _of_pull(reason, message, image, message.replace(str(status.get("image", "")) or "?", ""))
        case "InvalidImageName":
            return Trouble(reason, f"{image} is not the name of an image: {message}", permanent=True)
        case "ErrImageNeverPull":
            return Trouble(reason, f"{image} is not on the node, and may not be pulled", permanent=True)
        case "CreateContainerConfigError":
            if found := _SECRET.search(message):
                return _of_secret(found["name"], namespace, own_secrets)
            final = "runAsNonRoot" in message or "non-numeric user" in message
            return Trouble(reason, f"the container {name!r} cannot be made: {message}", final)
        case "ImageInspectError" | "RegistryUnavailable" | "SignatureValidationFailed":
            return Trouble(reason, f"{image} cannot be had: {message}")
        case _:  # CreateContainerError, RunContainerError, …: nodes under load heal of them, and try again
            return Trouble(reason, f"the container {name!r} cannot be started: {message}")


def of_volume(event: Object, namespace: str, own_secrets: Collection[str]) -> Trouble:
    """A volume that cannot be mounted: mostly a Secret that is not there."""
    if event.get("reason") not in ("FailedMount", "FailedAttachVolume"):
        return NONE
    message = str(event.get("message", ""))
    if found := _SECRET.search(message):
        return _of_secret(found["name"], namespace, own_secrets)
    if found := _KEY.search(message):
        return Trouble("SecretNotFound", f"a Secret lacks the key {found['key']!r}: {message}", permanent=True)
    return Trouble(str(event["reason"]), f"a volume cannot be mounted: {message}")


def of_creation(event: Object) -> Trouble:
    """A pod that the Job's controller cannot create, or that the node cannot set up."""
    reason, message = str(event.get("reason", "")), str(event.get("message", ""))
    if reason == "FailedCreatePodSandBox":
        return Trouble(reason, f"the node cannot set up the pod: {message}")
    return _of_refused_pod(message) if reason == "FailedCreate" else NONE


def of_hook(event: Object) -> Trouble:
    """What made a container's start fail after its process had begun."""
    if event.get("reason") != "FailedPostStartHook":
        return NONE
    return Trouble("FailedPostStartHook", f"the stage's container could not be made ready: {event.get('message', '')}")


def _image(container: str, image: str) -> str:
    if container == STAGE_CONTAINER:
        return f"the stage type's image {image!r} (setting STAGE_IMAGES)"
    return f"the image {image!r}"


def _of_pull(reason: str, message: str, image: str, words: str) -> Trouble:
    """A registry that says no in its `words` is final. An older kubelet says nothing in its back-off."""
    if _AWAY.search(words):
        return Trouble("RegistryUnavailable", f"{image} cannot be pulled yet: {message}")
    if _NO_IMAGE.search(words):
        text = f"{image} cannot be pulled; check its name, and that the namespace may pull it: {message}"
        return Trouble("ErrImagePull", text, permanent=True)
    return Trouble(reason, f"{image} cannot be pulled: {message}")


def _of_secret(name: str, namespace: str, own_secrets: Collection[str]) -> Trouble:
    if name in own_secrets:
        return Trouble("FailedMount", f"the build's own Secret {name!r} is not there: run the stage again")
    text = f"there is no Secret {name!r} in the namespace {namespace!r}: create it there, or correct `secrets`"
    return Trouble("SecretNotFound", text, permanent=True)


def _of_refused_pod(message: str) -> Trouble:
    """Why the API server took the Job and refuses its pod."""
    if "exceeded quota" in message:
        return Trouble("QuotaExceeded", f"the namespace's quota is used up, and the stage waits for a part: {message}")
    if "failed quota" in message:
        text = "the namespace's quota wants resources that the pod does not name: give it a LimitRange with defaults"
        return Trouble("QuotaExceeded", f"{text}: {message}")
    if "violates PodSecurity" in message:
        text = "the namespace's Pod Security level does not allow the pod: `baseline` is needed"
        return Trouble("PodSecurityRefused", f"{text}: {message}", permanent=True)
    if _LIMIT_RANGE.search(message):
        text = "the namespace's LimitRange does not allow the stage's `resources`"
        return Trouble("LimitRangeRefused", f"{text}: {message}", permanent=True)
    if "denied the request" in message:  # an admission webhook
        return Trouble("AdmissionDenied", f"a policy of the cluster refuses the pod: {message}", permanent=True)
    if "error looking up service account" in message:
        return Trouble("ServiceAccountNotFound", f"the namespace lacks the service account of the pod: {message}")
    return Trouble("FailedCreate", f"the pod cannot be created: {message}")
