"""What keeps a pod from starting, read off Kubernetes' words: which trouble, and whether it may still heal. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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
    r"|authentication required|no basic auth|\b40[134]\b|no match for platform|invalid reference",
    re.IGNORECASE,
)
_AWAY = re.compile(
    r"dial tcp|no such host|connection (refused|reset)|i/o timeout|timed? ?out|deadline exceeded|EOF|x509|tls:"
    r"|network is unreachable|no route to host|server misbehaving|\b50[0234]\b|toomanyrequests|too many requests",
    re.IGNORECASE,
)
_SECRET = re.compile(r'(?:secrets? )?\\?"(?P<name>[^"\\]+)\\?" not found')
_KEYS = re.compile(r"references non-existent secret key: (?P<key>\S+)")
_OWN_SECRET = re.compile(r".*-[0-9]+-[0-9a-f]{8}")
"""What keys.build_secret_name makes: a Secret of ours, which is not the user's to give."""
_ACCOUNT = re.compile(r'serviceaccounts? \\?"(?P<name>[^"\\]+)\\?" not found')


def of_waiting_container(status: Object, waiting: Object) -> Trouble:
    """What a container waits for, where it is more than its turn."""
    reason, message = str(waiting.get("reason", "")), str(waiting.get("message", ""))
    image = str(status.get("image", ""))
    match reason:
        case reason if reason in _STARTING:
            return NONE
        case "ErrImagePull" | "ImagePullBackOff":
            return _of_pull(reason, message, image)
        case "InvalidImageName":
            return Trouble(reason, f"{image!r} is no name of an image: {message}", permanent=True)
        case "ErrImageNeverPull":
            return Trouble(reason, f"the image {image!r} is not on the node, and may not be pulled", permanent=True)
        case "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" | "CrashLoopBackOff":
            return Trouble(reason, f"the container {status['name']!r} cannot be started: {message}", permanent=True)
        case "ImageInspectError" | "RegistryUnavailable" | "SignatureValidationFailed":
            return Trouble(reason, f"the image {image!r} cannot be had: {message}")
        case _:
            return Trouble(reason, message)


def _of_pull(reason: str, message: str, image: str) -> Trouble:
    """A registry that says no is final. In its back-off the kubelet says no more than that it waits."""
    told = f"the image {image!r} cannot be pulled: {message}"
    if _AWAY.search(message):
        return Trouble("RegistryUnreachable", told)
    if _NO_IMAGE.search(message):
        return Trouble("ErrImagePull", told, permanent=True)
    return Trouble(reason, told)


def of_volume(event: Object) -> Trouble:
    """A volume that cannot be mounted: mostly a Secret that is not there."""
    if event.get("reason") not in ("FailedMount", "FailedAttachVolume"):
        return NONE
    message = str(event.get("message", ""))
    if found := _SECRET.search(message):
        name, namespace = found["name"].rpartition("/")[2], event["involvedObject"].get("namespace", "")
        if _OWN_SECRET.fullmatch(name):
            return Trouble("FailedMount", f"the build's own Secret {name!r} is not there yet")
        text = f"there is no Secret {name!r} in the namespace {namespace!r}: create it there, or correct `secrets`"
        return Trouble("SecretNotFound", text, permanent=True)
    if found := _KEYS.search(message):
        return Trouble("SecretNotFound", f"a Secret lacks the key {found['key']!r}: {message}", permanent=True)
    return Trouble(str(event["reason"]), f"a volume cannot be mounted: {message}")


def of_creation(event: Object) -> Trouble:
    """A pod that the Job's controller cannot create, or whose sandbox the node cannot make."""
    reason, message = str(event.get("reason", "")), str(event.get("message", ""))
    if reason == "FailedCreatePodSandBox":
        return Trouble(reason, f"the node cannot set up the pod: {message}")
    if reason != "FailedCreate":
        return NONE
    if "exceeded quota" in message or "must specify" in message:
        return Trouble("QuotaExceeded", f"the namespace's quota does not allow the pod now: {message}")
    if "violates PodSecurity" in message:
        text = f"the namespace's Pod Security level does not allow the pod: {message}"
        return Trouble("PodSecurityRefused", text, permanent=True)
    if found := _ACCOUNT.search(message):
        return Trouble("ServiceAccountNotFound", f"there is no service account {found['name']!r}: {message}")
    return Trouble(reason, f"the pod cannot be created: {message}")


def of_hook(event: Object) -> Trouble:
    """What made a container's start fail after its process had begun."""
    if event.get("reason") != "FailedPostStartHook":
        return NONE
    return Trouble("FailedPostStartHook", f"the container could not be made ready: {event.get('message', '')}")
