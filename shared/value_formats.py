"""The forms that single values of a pipeline file must have.

A check takes the text and returns what is wrong with it as the end of a sentence (`must be …`), or "".
"""

import re
from collections.abc import Callable, Mapping
from enum import StrEnum

from shared import keys

Check = Callable[[str], str]

MAX_STAGE_NAME = 100
MAX_TIMEOUT_S = 24 * 3600

# What loaders, interpreters, git and HTTP libraries take from their environment.
_STEERS = re.compile(
    r"(LD_|DYLD_|GIT_|PYTHON|NODE_|NPM_|PERL|RUBY|GEM_|BUNDLE_|_?JAVA_|JDK_|MAVEN_|GRADLE_|DOTNET_|CORECLR_|PHP|LUA_"
    r"|GLIBC_|GCONV_|MALLOC_|OPENSSL_|SSL_|CURL_|WGET|REQUESTS_|PROTOCOL_BUFFERS_|XDG_|BASH).*"
    r"|PATH|HOME|TMPDIR|SHELL|SHELLOPTS|ENV|IFS|PS[0-4]|PROMPT_COMMAND|CDPATH|GLOBIGNORE|LOCPATH|NLSPATH|CLASSPATH"
    r"|EDITOR|VISUAL|PAGER|BROWSER|TERMINFO|HOSTALIASES|(RES|TAR|GREP)_OPTIONS|.*_PROXY",
    re.IGNORECASE,
)
_VARIABLE = r"[A-Za-z_][-A-Za-z0-9_.]*"

_LABEL_NAME = r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?"
_DNS_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"

# Labels that Kubernetes itself puts on a Job's pods; a Job that sets them otherwise is refused.
_KUBERNETES_LABELS = ("job-name", "controller-uid")
_KUBERNETES_PREFIX = "batch.kubernetes.io/"

_QUANTITY = r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E|[eE][+-]?[0-9]{1,3})?"
_FACTORS = {suffix: 1024.0**i for i, suffix in enumerate(("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"))} | {
    suffix: 1000.0**i for i, suffix in enumerate(("n", "u", "m", "", "k", "M", "G", "T", "P", "E"), start=-3)
}


class Format(StrEnum):
    """Forms that a catalogue of stage types can ask of a param, by name."""

    ANY = "any"
    FOLDER = "folder"
    FILE_NAME = "file-name"
    REGISTRY = "registry"
    IMAGE = "image"
    IMAGE_NAME = "image-name"
    PATH = "path"
    URL = "url"
    SERVICE = "service"


def anything(text: str) -> str:
    """Any text but an empty one."""
    return "" if text else "must not be empty"


def dns_label(text: str) -> str:
    """A Kubernetes namespace: RFC 1123 label."""
    if len(text) <= 63 and re.fullmatch(_DNS_LABEL, text):
        return ""
    return "must be lower case letters, digits and inner dashes, at most 63 characters"


def dns_name(text: str) -> str:
    """A pipeline's name: DNS labels joined by dots, short enough to be a label's value."""
    return _dns_subdomain(text, 63)


def secret_name(text: str) -> str:
    """The name of a Kubernetes Secret."""
    return _dns_subdomain(text, 253)


def _dns_subdomain(text: str, limit: int) -> str:
    if len(text) <= limit and all(re.fullmatch(_DNS_LABEL, part) for part in text.split(".")):
        return ""
    return f"must be lower case letters, digits, inner dashes and dots, at most {limit} characters"


def stage_name(text: str) -> str:
    """A stage's friendly name: one line."""
    if text.strip() and text.isprintable() and len(text) <= MAX_STAGE_NAME:
        return ""
    return f"must be one line of 1 to {MAX_STAGE_NAME} characters"


def label_key(text: str) -> str:
    """A label that a pipeline file may set: Kubernetes' form, and not one of those that the system sets."""
    prefix, slash, name = text.rpartition("/")
    if text.startswith((keys.LABEL_PREFIX, _KUBERNETES_PREFIX)) or text in (keys.LABEL_MANAGED, *_KUBERNETES_LABELS):
        return "is set by the system; a pipeline file may not set it"
    if len(name) > 63 or not re.fullmatch(_LABEL_NAME, name) or (slash and _dns_subdomain(prefix, 253)):
        return "must be at most 63 letters, digits and inner -_. marks, after an optional DNS name and a slash"
    return ""


def label_value(text: str) -> str:
    """A label's value in Kubernetes' form; it may be empty."""
    if not text or (len(text) <= 63 and re.fullmatch(_LABEL_NAME, text)):
        return ""
    return "must be letters, digits, inner dashes, underscores and dots, at most 63 characters"


def secret_key(text: str) -> str:
    """A key in a Kubernetes Secret's data."""
    if re.fullmatch(r"[-._A-Za-z0-9]{1,253}", text) and text != "." and not text.startswith(".."):
        return ""
    return "must be a key of the Secret (letters, digits, dashes, underscores, dots), as `secret` is given"


def param_name(text: str) -> str:
    """A param's name, which becomes a variable's."""
    if text.startswith("KONTINUOUS_"):
        return "is reserved; names beginning with KONTINUOUS_ are set by the system"
    return "must not be empty or hold a =" if not text or "=" in text else ""


def variable_name(text: str) -> str:
    """The name of a param that becomes a variable of a container with our credentials in it."""
    if not re.fullmatch(_VARIABLE, text):  # a shell takes some of the others for functions
        return "must be letters, digits, underscores, dashes and dots, and not begin with a digit"
    return "would steer the stage's own programs; give it another name" if _STEERS.fullmatch(text) else ""


def timeout(text: str) -> str:
    """A duration from 1 s to 24 h, such as `90`, `90s`, `30m`, `1h30m`."""
    seconds = timeout_s(text)
    if seconds is None:
        return "must be seconds (90) or a duration (90s, 30m, 1h30m)"
    return "" if 1 <= seconds <= MAX_TIMEOUT_S else "must be from 1s to 24h"


def timeout_s(text: str) -> int | None:
    """The seconds of a duration, or None where it is none."""
    if re.fullmatch(r"[0-9]{1,9}", text):
        return int(text)
    match = re.fullmatch(r"(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9})s)?", text)
    if not text or not match:
        return None
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds


def quantity(text: str) -> str:
    """An amount in Kubernetes' form."""
    return "" if re.fullmatch(_QUANTITY, text) else "must be a quantity such as 500m, 2, 512Mi or 1.5Gi"


def amount(text: str) -> float:
    """A valid quantity as a number of cores or bytes."""
    match = re.fullmatch(_QUANTITY, text)
    if not match:
        raise ValueError(f"not a quantity: {text}")
    number, suffix = match.group(1), match.group(2) or ""
    return float(number) * _FACTORS[suffix] if suffix in _FACTORS else float(number + suffix)


def relative_path(text: str) -> str:
    """A path or glob below the repository's root."""
    if not text or text.startswith(("/", "~")) or ".." in text.split("/"):
        return "must be a path relative to the repository's root, without .."
    return ""


def file_name(text: str) -> str:
    """The name of one file, without a folder."""
    return "must be a file's name without a folder" if "/" in text or text in ("", ".", "..") else ""


def registry(text: str) -> str:
    """A registry's host, with an optional port and path."""
    if re.fullmatch(r"[A-Za-z0-9][-A-Za-z0-9.]*(:[0-9]{1,5})?(/[-._a-z0-9]+)*", text):
        return ""
    return "must be a registry's host such as quay.io or registry.example.com:5000, without https://"


def image_name(text: str) -> str:
    """An image's name without registry and tag."""
    part = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*"
    if len(text) <= 255 and re.fullmatch(f"{part}(/{part})*", text):
        return ""
    return "must be an image's name such as acaleph/kontinuous: lower case, without registry and tag"


def image(text: str) -> str:
    """An image reference as one writes it after `docker pull`."""
    if re.fullmatch(r"[A-Za-z0-9][-A-Za-z0-9._:/@]*", text):
        return ""
    return "must be an image such as python:3.13-slim or quay.io/acaleph/kontinuous:1.0"


def url(text: str) -> str:
    """An http or https address."""
    if re.fullmatch(r"https?://[^\s/]+\S*", text):
        return ""
    return "must be an address beginning with https:// or http://"


def service(text: str) -> str:
    """An address in the form of apprise, of any scheme."""
    if re.fullmatch(r"[a-z]+://\S+", text):
        return ""
    return "must be an address such as mailtos://user:password@example.com?to=team@example.com"


def path(text: str) -> str:
    """A folder in a container: absolute, or relative to the clone."""
    return "" if text.startswith("/") else relative_path(text)


FORMATS: Mapping[Format, Check] = {
    Format.ANY: anything,
    Format.FOLDER: relative_path,
    Format.FILE_NAME: file_name,
    Format.REGISTRY: registry,
    Format.IMAGE: image,
    Format.IMAGE_NAME: image_name,
    Format.PATH: path,
    Format.URL: url,
    Format.SERVICE: service,
}
