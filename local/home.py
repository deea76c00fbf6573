"""The state folder: where everything of the one-machine mode is kept, and the credentials made once for it."""

import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from coordinator.setup.passwords import random_access_key, random_auth_secret, random_password
from shared.errors import InfrastructureError
from shared.state_folder import HOME_VARIABLE, SERVICE_FILE, state_folder

ENGINE_HOME_VARIABLE = "KONTINUOUS_ENGINE_HOME"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Every secret of one state folder; each is random. `auth_secret` is base64, as in `kontinuous-secrets`."""

    auth_secret: str = field(default_factory=random_auth_secret, repr=False)
    s3_access_key: str = field(default_factory=random_access_key, repr=False)
    s3_secret_key: str = field(default_factory=random_password, repr=False)
    etcd_root_password: str = field(default_factory=random_password, repr=False)
    etcd_coordinator_password: str = field(default_factory=random_password, repr=False)
    etcd_stage_password: str = field(default_factory=random_password, repr=False)
    registry_user: str = "kontinuous"
    registry_password: str = field(default_factory=random_password, repr=False)
    external_registry_user: str = "publisher"
    external_registry_password: str = field(default_factory=random_password, repr=False)
    git_user: str = "kontinuous"
    git_password: str = field(default_factory=random_password, repr=False)


@dataclass(frozen=True, slots=True)
class Home:
    """One state folder. `engine_root` holds what several of them may share: our own engine and the caches."""

    root: Path
    engine_root: Path
    credentials: Credentials

    @property
    def instance(self) -> str:
        """Eight hex characters that tell this folder's containers and network from another's."""
        return path_hash(self.root)

    @property
    def git(self) -> Path:
        """Bare repositories, as `<owner>/<name>.git`."""
        return self.root / "git"

    @property
    def service_file(self) -> Path:
        """Where a running service leaves its address and token."""
        return self.root / SERVICE_FILE

    @property
    def cache(self) -> Path:
        """Downloaded and made parts of images: may be deleted at any time, and is made again."""
        return self.engine_root / "cache"

    def data(self, service: str) -> Path:
        """The data folder of one service container."""
        return self.root / "data" / service

    def config(self, service: str) -> Path:
        """The folder with one service's settings and password files."""
        return self.root / "config" / service


def path_hash(path: Path) -> str:
    """Eight hex characters that stand for an absolute path."""
    return short_hash(str(path))


def short_hash(text: str) -> str:
    """Eight hex characters that stand for a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def open_home(environ: Mapping[str, str] = os.environ) -> Home:
    """Open the state folder that KONTINUOUS_HOME names, making it and its credentials where they are not there yet.

    Raises InfrastructureError when the folder cannot be used.
    """
    root = state_folder(environ)
    engine_root = Path(environ.get(ENGINE_HOME_VARIABLE) or root).expanduser().resolve()
    try:
        engine_root.mkdir(parents=True, exist_ok=True, mode=0o700)
        credentials = _read_or_make(root / "credentials.json")
        (root / "git").mkdir(exist_ok=True)
    except OSError as error:
        raise InfrastructureError(
            f"the state folder {root} cannot be used: {error}; {HOME_VARIABLE} sets it"
        ) from error
    return Home(root, engine_root, credentials)


def _read_or_make(path: Path) -> Credentials:
    """Read the credentials; where there are none, make them. Of two that make them at once, the first wins."""
    if not path.exists():
        write_private(path, json.dumps(asdict(Credentials()), indent=2) + "\n", replace=False)
    try:
        return Credentials(**json.loads(path.read_text()))
    except (ValueError, TypeError) as error:
        raise InfrastructureError(f"{path} is damaged ({error}); restore it, or delete {path.parent}") from error


def write_private(path: Path, text: str, *, replace: bool = True) -> None:
    """Write a file that only its owner may read; it appears whole. Without `replace` a file that is there stays."""
    partial = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}")
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    try:
        if replace:
            partial.rename(path)
        else:
            _link_if_absent(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _link_if_absent(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileExistsError:
        return
