"""Reading the coordinator's settings from its environment, the mounted Secret and the builder's certificates.

Every problem is collected before any is complained of, so that an operator mends all in one go.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from coordinator.allowed_namespaces import names_owner
from coordinator.links import PUBLIC_GITHUB
from coordinator.settings import (
    BUILDER_TLS_FILES,
    DEFAULT_NAMESPACES,
    Login,
    Settings,
)
from shared.auth_secret import read_auth_secret
from shared.catalogue import StageType, read_catalogue, resource_problems
from shared.errors import InputError
from shared.model import BUILT_IN_TYPES

SECRETS_FILE = "/.secret/kontinuous-secrets"
BUILDER_TLS_FOLDER = "/.builder-tls"
DEFAULT_PORT = 3005
POD_NAMESPACE_FILE = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"
_BUILT_IN = {kind: StageType(f"kontinuous/{kind}:latest") for kind in BUILT_IN_TYPES}

T = TypeVar("T")


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read the variables and the files they name; raises InputError that names all that is missing or wrong at once."""
    return _Reader(environment).settings()


def completed_host(address: str, namespace: str) -> str:
    """`address` (`host:port` or a URL) as a pod in any namespace can resolve it.

    A host without a dot is the name of a Service in our own namespace: `etcd:2379` becomes `etcd.NAMESPACE.svc:2379`.
    """
    url = urlsplit(address if "://" in address else f"//{address}")
    if not namespace or not url.hostname or "." in url.hostname or ":" in url.hostname or url.hostname == "localhost":
        return address
    return address.replace(url.hostname, f"{url.hostname}.{namespace}.svc", 1)


class _Reader:
    """Reads all settings and collects every problem before it complains."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._problems: list[str] = []
        self._secrets = self._read_secrets()

    def settings(self) -> Settings:
        namespace = self._namespace()
        kv_address = self._required("KV_ADDRESS", "the etcd address, such as etcd:2379")
        s3_url = self._required("S3_URL", "the S3 address, such as http://minio:9000")
        github_url = self._github_url()
        settings = Settings(
            kv_address=kv_address,
            s3_url=s3_url,
            stage_kv_address=completed_host(kv_address, namespace),
            stage_s3_url=completed_host(s3_url, namespace),
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
            catalogue=self._catalogue(),
            docker_host=self._environment.get("BUILDER_ADDRESS", ""),
            builder_registry=self._environment.get("BUILDER_REGISTRY", ""),
            builder_tls=self._builder_tls(),
            node_registry=self._environment.get("NODE_REGISTRY", ""),
            s3_bucket=self._environment.get("S3_BUCKET", "kontinuous"),
            s3_region=self._environment.get("S3_REGION", "us-east-1"),
            github_url=github_url,
            github_client_id=self._environment.get("GITHUB_CLIENT_ID", ""),
            github_client_secret=self._github_client_secret(),
            login_s=self._number("LOGIN_SECONDS", 7 * 24 * 3600),
            pipeline_namespaces=self._pipeline_namespaces(github_url),
            notification_hosts=tuple(self._environment.get("NOTIFICATION_HOSTS", "").split()),
            notification_limit_s=self._number("NOTIFICATION_LIMIT_SECONDS", 3600),
            port=self._port(),
            default_timeout_s=self._number("STAGE_TIMEOUT_SECONDS", 3600),
            default_resources=self._stage_resources(),
            default_artifacts=self._stage_artifacts(),
            stage_pull_secrets=tuple(self._environment.get("STAGE_PULL_SECRETS", "").split()),
            waiting_limit_s=self._number("WAITING_LIMIT_SECONDS", 300),
            job_ttl_s=self._number("JOB_TTL_SECONDS", 600),
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
            return read_auth_secret(text) if text else b""
        except InputError as error:
            self._problems.append(f"{error}: make one with `openssl rand -base64 48`")
            return b""

    def _namespace(self) -> str:
        file = Path(POD_NAMESPACE_FILE)
        return self._environment.get("POD_NAMESPACE") or (file.read_text().strip() if file.is_file() else "")

    def _port(self) -> int:
        # In a pod that gets the variables of Services, Kubernetes sets this one for the Service `kontinuous`.
        is_services = self._environment.get("KONTINUOUS_PORT", "").startswith("tcp://")
        return DEFAULT_PORT if is_services else self._number("KONTINUOUS_PORT", DEFAULT_PORT)

    def _builder_tls(self) -> dict[str, str]:
        folder = Path(self._environment.get("BUILDER_TLS_FOLDER", BUILDER_TLS_FOLDER))
        if not folder.is_dir():
            return {}
        missing = [name for name in BUILDER_TLS_FILES if not (folder / name).is_file()]
        if missing:
            self._problems.append(f"{folder} has no {', '.join(missing)}: the builder wants a client's certificate")
            return {}
        return {name: (folder / name).read_text() for name in BUILDER_TLS_FILES}

    def _github_url(self) -> str:
        url = self._environment.get("GITHUB_URL", "https://github.com").rstrip("/")
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path or parts.username:
            self._problems.append(f"GITHUB_URL is {url!r}, not the address of a GitHub such as https://github.com")
        return url

    def _github_client_secret(self) -> str:
        return self._secret("GitHubClientSecret") if self._environment.get("GITHUB_CLIENT_ID") else ""

    def _catalogue(self) -> dict[str, StageType]:
        try:
            return {**_BUILT_IN, **read_catalogue(self._environment.get("STAGE_IMAGES", ""))}
        except InputError as error:
            self._problems += [f"STAGE_IMAGES: {line}" for line in str(error).splitlines()]
            return _BUILT_IN

    def _pipeline_namespaces(self, github_url: str) -> dict[str, tuple[str, ...]]:
        form = 'of repository → namespaces, such as {"github.com/acme/*": ["team-a"]}'
        given = self._json("PIPELINE_NAMESPACES", DEFAULT_NAMESPACES, _is_lists_of_texts, form)
        if github_url == PUBLIC_GITHUB and self._environment.get("GITHUB_CLIENT_ID"):
            self._problems += [
                f"PIPELINE_NAMESPACES has {pattern!r}, and with GITHUB_CLIENT_ID anybody on GitHub may log in "
                f"and use the Secrets of those namespaces: name the owners, {form.partition(', ')[2]}"
                for pattern in given
                if not names_owner(pattern)
            ]
        return {pattern: tuple(names) for pattern, names in given.items()}

    def _stage_resources(self) -> dict[str, dict[str, str]]:
        form = 'such as {"limits": {"memory": "1Gi"}, "requests": {"cpu": "100m"}}'
        given: dict[str, dict[str, str]] = self._json("STAGE_RESOURCES", {}, _is_resources, form)
        self._problems += [f"STAGE_RESOURCES: {problem}" for problem in resource_problems(given)]
        return given

    def _stage_artifacts(self) -> tuple[str, ...]:
        return tuple(self._environment.get("STAGE_ARTIFACTS", "").split())

    def _json(self, name: str, default: T, is_right: Callable[[Any], bool], form: str) -> T:
        text = self._environment.get(name, "")
        if not text:
            return default
        try:
            value: T = json.loads(text)
        except ValueError as error:
            self._problems.append(f"{name} is not JSON: {error}")
            return default
        if not is_right(value):
            self._problems.append(f"{name} is not an object {form}")
            return default
        return value

    def _number(self, name: str, default: int) -> int:
        text = self._environment.get(name, "")
        if not text:
            return default
        if not text.isdecimal() or int(text) < 1:
            self._problems.append(f"{name} is {text!r}, not a whole number above 0")
            return default
        return int(text)


def _is_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())


def _is_lists_of_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(items, list) and items and all(isinstance(item, str) for item in items) for items in value.values()
    )


def _is_resources(value: Any) -> bool:
    return isinstance(value, dict) and all(
        kind in ("limits", "requests") and _is_texts(amounts) for kind, amounts in value.items()
    )
