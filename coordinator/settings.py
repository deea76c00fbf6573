"""The coordinator's settings: a frozen dataclass, read from the environment and the mounted Secret."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.errors import InputError
from shared.model import BUILT_IN_TYPES

SECRETS_FILE = "/.secret/kontinuous-secrets"
_BUILT_IN_IMAGES = {kind: f"kontinuous/{kind}:latest" for kind in BUILT_IN_TYPES}
MIN_AUTH_SECRET_BYTES = 32  # RFC 7518 section 3.2: a key for HS256 has at least the hash's 256 bits


@dataclass(frozen=True, slots=True)
class Login:
    """A user name and its password; both "" where none is needed."""

    user: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything an operator can set. The first four are README's variables, the next three its Secret."""

    kv_address: str
    s3_url: str
    kontinuous_url: str
    internal_registry: str
    auth_secret: bytes = field(repr=False)
    s3_access_key: str = field(repr=False)
    s3_secret_key: str = field(repr=False)

    etcd_login: Login = Login()
    """The coordinator's own user of etcd."""
    stage_etcd_login: Login = Login()
    """The user that stages report with; limited to the report keys."""
    registry_login: Login = Login()
    """The internal registry's user."""
    git_login: Login = Login()
    """Sent by stages to the server they clone from."""
    s3_bucket: str = "kontinuous"
    s3_region: str = "us-east-1"
    stage_kv_address: str = ""
    """etcd as stages see it; KV_ADDRESS where not set."""
    stage_s3_url: str = ""
    """S3 as stages see it; S3_URL where not set."""
    builder_registry: str = ""
    """The internal registry as the Docker engine that builds sees it; INTERNAL_REGISTRY where not set."""
    node_registry: str = ""
    """The internal registry as the nodes that run images see it; INTERNAL_REGISTRY where not set."""
    docker_host: str = ""
    """The Docker engine that stages build with: unix:///path (mounted from the node) or tcp://host:port."""
    docker_socket_group: int | None = None
    """The group that may write to the engine's socket."""
    stage_images: Mapping[str, str] = field(default_factory=dict)
    """Stage type → image. An operator replaces a built-in type's image or adds a type here."""
    host: str = "0.0.0.0"  # noqa: S104 - in a pod, the Service must reach it
    port: int = 3005
    http_threads: int = 128
    """Each open event stream holds one."""
    default_timeout_s: int = 3600
    patience_s: int = 600
    """How long a stage waits for etcd or S3 to come back."""
    waiting_limit_s: int = 300
    """How long a Job may wait for something that may still heal, such as an image pull."""
    resync_s: float = 30.0
    retention_builds: int = 100
    """How many finished builds a pipeline keeps."""
    job_ttl_s: int = 600
    """Kubernetes removes a finished Job after this many seconds."""
    remove_jobs: bool = False
    """Remove a Job as soon as its attempt has finished, where nothing honours ttlSecondsAfterFinished."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the variables and the Secret; raises InputError that names all that is missing or wrong at once."""
        return _Reader(environment).settings()


def decode_secret(text: str) -> bytes:
    """Decode base64 in either alphabet, padded or not; raises ValueError."""
    cleaned = text.strip().replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(cleaned + "=" * (-len(cleaned) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from error


class _Reader:
    """Reads all settings and collects every problem before it complains."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._problems: list[str] = []
        self._secrets = self._read_secrets()

    def settings(self) -> Settings:
        settings = Settings(
            kv_address=self._required("KV_ADDRESS", "the etcd address, such as etcd:2379"),
            s3_url=self._required("S3_URL", "the S3 address, such as http://minio:9000"),
            kontinuous_url=self._required(
                "KONTINUOUS_URL", "where kontinuous is reached, such as http://kontinuous:3005"
            ),
            internal_registry=self._required(
                "INTERNAL_REGISTRY", "the internal registry, such as internal-registry:5000"
            ),
            auth_secret=self._auth_secret(),
            s3_access_key=self._secret("S3AccessKey"),
            s3_secret_key=self._secret("S3SecretKey"),
            etcd_login=self._login("Etcd"),
            stage_etcd_login=self._login("StageEtcd"),
            registry_login=self._login("Registry"),
            git_login=self._login("Git"),
            stage_images=self._stage_images(),
            docker_host=self._environment.get("BUILDER_ADDRESS", ""),
            builder_registry=self._environment.get("BUILDER_REGISTRY", ""),
            node_registry=self._environment.get("NODE_REGISTRY", ""),
            s3_bucket=self._environment.get("S3_BUCKET", "kontinuous"),
            s3_region=self._environment.get("S3_REGION", "us-east-1"),
            port=self._number("KONTINUOUS_PORT", 3005),
            default_timeout_s=self._number("STAGE_TIMEOUT_SECONDS", 3600),
            retention_builds=self._number("RETENTION_BUILDS", 100),
        )
        if self._problems:
            raise InputError("the settings are not complete:\n" + "\n".join(f"  - {p}" for p in self._problems))
        return settings

    def _read_secrets(self) -> dict[str, Any]:
        path = Path(self._environment.get("KONTINUOUS_SECRETS_FILE", SECRETS_FILE))
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            self._problems.append(
                f"{path}: cannot be read ({error.strerror}); mount the Secret kontinuous-secrets there"
            )
            return {}
        except ValueError as error:
            self._problems.append(f"{path}: is not JSON ({error})")
            return {}
        if not isinstance(value, dict):
            self._problems.append(f"{path}: is not a JSON object")
            return {}
        return value

    def _required(self, name: str, meaning: str) -> str:
        value = self._environment.get(name, "").strip()
        if not value:
            self._problems.append(f"{name} is not set: {meaning}")
        return value

    def _secret(self, name: str) -> str:
        value = self._secrets.get(name, "")
        if not isinstance(value, str) or not value:
            self._problems.append(f"{name} is missing in kontinuous-secrets")
            return ""
        return value

    def _login(self, prefix: str) -> Login:
        return Login(str(self._secrets.get(f"{prefix}User", "")), str(self._secrets.get(f"{prefix}Password", "")))

    def _auth_secret(self) -> bytes:
        text = self._secret("AuthSecret")
        try:
            secret = decode_secret(text)
        except ValueError as error:
            self._problems.append(f"AuthSecret is not base64: {error}")
            return b""
        if text and len(secret) < MIN_AUTH_SECRET_BYTES:
            self._problems.append(
                f"AuthSecret has {len(secret)} bytes, and HS256 wants {MIN_AUTH_SECRET_BYTES} or more: "
                "make one with `openssl rand -base64 48`"
            )
        return secret

    def _stage_images(self) -> dict[str, str]:
        text = self._environment.get("STAGE_IMAGES", "")
        try:
            images = json.loads(text) if text else {}
        except ValueError as error:
            self._problems.append(f"STAGE_IMAGES is not JSON: {error}")
            return {}
        if not isinstance(images, dict) or not all(isinstance(v, str) for v in images.values()):
            self._problems.append(
                'STAGE_IMAGES is not an object of type → image, such as {"scan": "example.org/scan:1"}'
            )
            return {}
        return {**_BUILT_IN_IMAGES, **images}

    def _number(self, name: str, default: int) -> int:
        text = self._environment.get(name, "")
        if not text:
            return default
        if not text.isdecimal() or int(text) < 1:
            self._problems.append(f"{name} is {text!r}, not a whole number above 0")
            return default
        return int(text)
