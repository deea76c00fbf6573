"""Where an image is to be published: under which name, with which tags, by whose login. All of it from the params."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from shared.errors import InputError
from shared.json_value import Json
from shared.stage_contract import StageContext
from stage_images._registry import Credentials

_NAME_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"{_NAME_PART}(?:/{_NAME_PART})*")
_REGISTRY = re.compile(r"[A-Za-z0-9][-A-Za-z0-9.]*(?::[0-9]{1,5})?(?:/[-._a-z0-9]+)*")
_PULL_REQUEST = re.compile(r"refs/pull/(\d+)/")
_LONGEST_TAG = 128
_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False, "": False, "none": False}


@dataclass(frozen=True, slots=True)
class Target:
    """The external registry's address and the image's name in it."""

    registry: str
    name: str

    @property
    def repository(self) -> str:
        """Both, as Docker writes them."""
        return f"{self.registry}/{self.name}"


def target_of(params: Mapping[str, Json]) -> Target:
    """Read `external_registry` and `external_image_name`. Raises InputError for what is missing or no such name."""
    registry = _required(params, "external_registry").removeprefix("https://").rstrip("/")
    name = _required(params, "external_image_name")
    if not _REGISTRY.fullmatch(registry):
        raise InputError(f"external_registry {registry!r} is no registry's address, such as quay.io")
    if not _NAME.fullmatch(name):
        raise InputError(f"external_image_name {name!r} is no image's name: lower case, without registry and tag")
    return Target(registry, name)


def familiar(name: str) -> str:
    """An image's name as an engine lists it: without Docker Hub's host, and without the folder of its own images."""
    for host in ("docker.io/", "index.docker.io/"):
        if name.startswith(host):
            return name.removeprefix(host).removeprefix("library/")
    return name


def tags_of(context: StageContext) -> list[str]:
    """The tags to publish: the commit in full, the branch or tag it was built from, and `latest`.

    A pull request gets `pull-<number>`, and never `latest`.
    """
    pull_request = _PULL_REQUEST.match(context.ref)
    branch = f"pull-{pull_request[1]}" if pull_request else tag_of(context.branch)
    latest = "" if context.ref.startswith("refs/pull/") else "latest"
    return list(dict.fromkeys(filter(None, (context.commit, branch, latest))))


def tag_of(branch: str) -> str:
    """A branch's (or git tag's) name as an image's tag: `feature/x y` becomes `feature-x-y`, `v1.2` stays."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", branch).lstrip(".-")[:_LONGEST_TAG].rstrip(".-")


def credentials_of(params: Mapping[str, Json], secrets: Mapping[str, bytes]) -> Credentials | None:
    """The login for the registry, or None where `require_credentials` is not true.

    `params` are those of the file: `username`, `password` and `email` name keys of the stage's secrets.
    Raises InputError that lists the keys there are.
    """
    if not wants_credentials(params):
        return None
    username, password = (_secret(params, name, secrets) for name in ("username", "password"))
    return Credentials(username, password, _secret(params, "email", secrets) if params.get("email") else "")


def wants_credentials(params: Mapping[str, Json]) -> bool:
    """Read `require_credentials`, in both of its spellings. Raises InputError for neither true nor false."""
    return any(_flag(params, name) for name in ("require_credentials", "require_crendentials"))


def _flag(params: Mapping[str, Json], name: str) -> bool:
    text = str(params.get(name, "")).strip().lower()
    if text not in _FLAGS:
        raise InputError(f"the param `{name}` is {params[name]!r}; it must be true or false")
    return _FLAGS[text]


def _required(params: Mapping[str, Json], name: str) -> str:
    value = params.get(name)
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"the param `{name}` is missing: docker_publish needs it")
    return value.strip()


def _secret(params: Mapping[str, Json], name: str, secrets: Mapping[str, bytes]) -> str:
    key = params.get(name)
    there = ", ".join(sorted(secrets)) or "none, for the stage has no secrets"
    if not key:
        raise InputError(f"the param `{name}` is missing: require_credentials is true (keys of the secrets: {there})")
    if not isinstance(key, str) or key not in secrets:
        raise InputError(f"the param `{name}` must be a key of one of the stage's secrets; the keys are: {there}")
    try:
        return secrets[key].decode().strip("\r\n")
    except UnicodeDecodeError as error:
        raise InputError(f"the secret's key {key!r}, for `{name}`, is not UTF-8 text") from error
