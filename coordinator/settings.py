"""The coordinator's settings: a frozen dataclass. `coordinator.settings_reader` fills it from the environment."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.catalogue import StageType

BUILDER_TLS_FILES = ("ca.pem", "cert.pem", "key.pem")
DEFAULT_NAMESPACES: Mapping[str, tuple[str, ...]] = {"*": ("kontinuous-builds",)}
"""Where no operator says otherwise, every repository runs in the namespace that deploy/ makes for it."""


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
    builder_tls: Mapping[str, str] = field(default_factory=dict, repr=False)
    """BUILDER_TLS_FILES → PEM text, for an engine at tcp:// that wants a client's certificate."""
    stage_pull_secrets: tuple[str, ...] = ()
    """Secrets of the pipeline's namespace that nodes pull with, beside the build's own."""
    docker_socket_group: int | None = None
    """The group that may write to the engine's socket."""
    catalogue: Mapping[str, StageType] = field(default_factory=dict)
    """Stage type → what runs it. An operator replaces a built-in type's image or adds a type here."""
    pipeline_namespaces: Mapping[str, tuple[str, ...]] | None = None
    """Repository pattern (`fnmatch` over host/owner/name) → the namespaces its Jobs may run in; None: any."""
    github_url: str = "https://github.com"
    """GitHub, or a GitHub Enterprise Server, as people see it in a browser; without a slash at the end."""
    notification_hosts: tuple[str, ...] = ()
    """Patterns (`fnmatch`) of hosts that notifications may go to though their address is a private one."""
    notification_limit_s: int = 3600
    """How long after an event it is tried to tell of it."""
    github_client_id: str = ""
    """The OAuth app that people log in through; "" where they cannot."""
    github_client_secret: str = field(default="", repr=False)
    login_s: int = 7 * 24 * 3600
    """How long a login's JSON Web Token holds, in seconds."""
    host: str = "0.0.0.0"  # noqa: S104 - in a pod, the Service must reach it
    port: int = 3005
    http_threads: int = 128
    """Each open event stream holds one; streams take three quarters of them at most."""
    default_timeout_s: int = 3600
    default_resources: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """The `resources` of a stage that names none."""
    default_artifacts: tuple[str, ...] = ()
    """The `artifacts` of a stage that names none."""
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
