"""What a stage is given: the context document, our credentials and the user's secrets, from where they are mounted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from shared import keys
from shared.codec import decode
from shared.errors import InfrastructureError
from shared.json_value import Json
from shared.masking import SHORTEST, maskable
from shared.stage_contract import StageContext

CONTEXT_VERSION = 1

_NOT_SECRET = frozenset({keys.ETCD_USER, keys.S3_ACCESS_KEY, keys.REGISTRY_USER, keys.GIT_USER})


@dataclass(frozen=True, slots=True)
class Folders:
    """Where a stage finds what is mounted into it, and may write."""

    workspace: Path = Path(keys.WORKSPACE)
    credentials: Path = Path(keys.CREDENTIALS)
    secrets: Path = Path(keys.SECRETS)
    scratch: Path = Path("/tmp")  # noqa: S108, a volume of the pod's own


class StageInput(NamedTuple):
    """All of a stage's input. `secrets` maps each key to its value.

    `masked` holds, by name, every value that no log may show; `problems` says what is missing, `warnings` what is odd.
    """

    context: StageContext
    credentials: Mapping[str, str]
    secrets: Mapping[str, bytes]
    params: Mapping[str, Json]
    masked: Mapping[str, bytes]
    problems: tuple[str, ...]
    warnings: tuple[str, ...]


def read_input(environment: Mapping[str, str], folders: Folders) -> StageInput:
    """Read everything; raises InputError or InfrastructureError where there is no context to be read."""
    context = read_context(environment)
    credentials = {name: value.decode().rstrip("\r\n") for name, value in read_folder(folders.credentials).items()}
    mounted = {name: read_folder(folders.secrets / name) for name in context.secrets}
    secrets = _by_key(mounted)
    masked = {f"{name}/{key}": value for name, values in mounted.items() for key, value in values.items()}
    masked |= {name: value.encode() for name, value in credentials.items() if name not in _NOT_SECRET}
    return StageInput(
        context=context,
        credentials=credentials,
        secrets=secrets,
        params=resolve(context.params, secrets),
        masked=masked,
        problems=tuple(f"the secret {name!r} is empty or not there" for name, values in mounted.items() if not values),
        warnings=(*_ambiguous(mounted), *_unmaskable(masked)),
    )


def read_context(environment: Mapping[str, str]) -> StageContext:
    """Decode the variable KONTINUOUS_CONTEXT; raises InfrastructureError when it is absent, InputError when wrong."""
    text = environment.get(keys.CONTEXT_VARIABLE)
    if text is None:
        raise InfrastructureError(f"the variable {keys.CONTEXT_VARIABLE} is not set; the coordinator does that")
    context = decode(StageContext, text)
    if context.version != CONTEXT_VERSION:
        raise InfrastructureError(
            f"this stage image reads contexts of version {CONTEXT_VERSION}, not {context.version}"
        )
    return context


def read_folder(folder: Path) -> dict[str, bytes]:
    """Read a mounted Secret: its files by name, without the links that Kubernetes keeps there; {} for no folder."""
    if not folder.is_dir():
        return {}
    files = (path for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith(".."))
    return {path.name: path.read_bytes() for path in files}


def resolve(params: Mapping[str, Json], secrets: Mapping[str, bytes]) -> dict[str, Json]:
    """Replace each param that is a key of a secret by its value; bytes that are not UTF-8 become surrogates."""

    def value_of(value: Json) -> Json:
        is_key = isinstance(value, str) and value in secrets
        return secrets[value].decode("utf-8", "surrogateescape") if is_key else value

    return {name: value_of(value) for name, value in params.items()}


def _by_key(mounted: Mapping[str, Mapping[str, bytes]]) -> dict[str, bytes]:
    """All values by key; of two equal keys the one of the secret named first."""
    merged: dict[str, bytes] = {}
    for values in mounted.values():
        merged = {**values, **merged}
    return merged


def _ambiguous(mounted: Mapping[str, Mapping[str, bytes]]) -> Iterator[str]:
    used = _by_key(mounted)
    for name, values in mounted.items():
        for key in sorted(key for key, value in values.items() if value != used[key]):
            yield f"the key {key!r} of secret {name!r} is also in a secret named before it, whose value is used"


def _unmaskable(masked: Mapping[str, bytes]) -> Iterator[str]:
    for name, value in masked.items():
        if value.strip() and not maskable(value):
            yield f"the value of {name} is shorter than {SHORTEST} bytes and is not masked"
