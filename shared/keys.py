"""Every name that two parts must agree on: etcd keys, object keys, Job names, labels, folders, variables.

They are spelled here and nowhere else.
"""

import hashlib
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.model import Repository

# etcd. Only the coordinator writes below STATE, only stages below REPORTS.
STATE = "/kontinuous/state/"
REPORTS = "/kontinuous/reports/"
PIPELINES = f"{STATE}pipelines/"
BUILDS = f"{STATE}builds/"
COMMITS = f"{STATE}commits/"
DELIVERIES = f"{STATE}deliveries/"
NOTIFICATIONS = f"{STATE}notifications/"

# Labels on every Job and its pod; a pipeline file may not set any label below this prefix.
LABEL_PREFIX = "kontinuous.io/"
LABEL_MANAGED = "app.kubernetes.io/managed-by"
LABEL_PIPELINE = f"{LABEL_PREFIX}pipeline"
LABEL_BUILD = f"{LABEL_PREFIX}build"
LABEL_STAGE = f"{LABEL_PREFIX}stage"
LABEL_ATTEMPT = f"{LABEL_PREFIX}attempt"
ANNOTATION_BUILD_KEY = f"{LABEL_PREFIX}build-key"
MANAGED_BY = "kontinuous"

# The two containers of a stage's pod, and the folders in them.
STAGE_CONTAINER = "stage"
USER_CONTAINER = "user"
WORKSPACE = "/workspace"
HANDOFF = "/kontinuous/handoff"
CREDENTIALS = "/kontinuous/credentials"
SECRETS = "/kontinuous/secrets"
BUILDER_TLS = "/kontinuous/builder-tls"

# Files in CREDENTIALS, each also a key of the build's Secret; one that is absent means "not needed".
ETCD_USER = "etcd-user"
ETCD_PASSWORD = "etcd-password"
S3_ACCESS_KEY = "s3-access-key"
S3_SECRET_KEY = "s3-secret-key"
REGISTRY_USER = "registry-user"
REGISTRY_PASSWORD = "registry-password"
GIT_USER = "git-user"
GIT_PASSWORD = "git-password"
GITHUB_TOKEN = "github-token"

# Variables.
CONTEXT_VARIABLE = "KONTINUOUS_CONTEXT"
OUTCOME_VARIABLE = "KONTINUOUS_OUTCOME"

MAX_NAME = 63

OWN_SECRET = "kontinuous-secrets"
"""The Secret with the coordinator's own credentials, as README names it; no stage may mount it."""


def slug(text: str, limit: int = 40) -> str:
    """Turn text into a DNS label: lower case letters, digits and inner dashes, at most `limit` long, never empty."""
    cleaned = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:limit].strip("-")
    return cleaned or "x" + hashlib.sha256(text.encode()).hexdigest()[:7]


def stage_ids(names: Iterable[str]) -> tuple[str, ...]:
    """Give each stage name a slug, unique within the build; a second `Test` becomes `test-2`."""
    ids: list[str] = []
    for name in names:
        base = candidate = slug(name)
        count = 1
        while candidate in ids:
            count += 1
            candidate = f"{base}-{count}"
        ids.append(candidate)
    return tuple(ids)


def pipeline_key(repository: "Repository") -> str:
    """Where a repository's pipeline record is stored."""
    return f"{PIPELINES}{repository}"


def commit_key(repository: "Repository", sha: str) -> str:
    """Where it is stored what GitHub shows of a commit."""
    return f"{COMMITS}{repository}/{sha}"


def deliveries_prefix(repository: "Repository") -> str:
    """Below which all deliveries of a repository's webhook are stored."""
    return f"{DELIVERIES}{repository}/"


def delivery_key(repository: "Repository", sha: str) -> str:
    """Where the deliveries of a webhook are stored that are about one commit."""
    return f"{deliveries_prefix(repository)}{sha}"


def notification_key(repository: "Repository", number: int) -> str:
    """Where it is stored who was told of a build."""
    return f"{NOTIFICATIONS}{repository}/{number:08d}"


def repository_of_delivery(key: str) -> "Repository":
    """The repository that a delivery's key names."""
    from shared.model import Repository  # a stage needs keys, and not the model

    return Repository(*key.removeprefix(DELIVERIES).split("/")[:3])


def hook_path(repository: "Repository") -> str:
    """The path of the API that a pipeline's webhook delivers to."""
    return f"/api/v1/hooks/{repository}"


def builds_prefix(repository: "Repository") -> str:
    """Below which all builds of a repository are stored, in the order of their numbers."""
    return f"{BUILDS}{repository}/"


def build_key(repository: "Repository", number: int) -> str:
    """Where one build is stored; the number is padded so that etcd's order is the builds' order."""
    return f"{builds_prefix(repository)}{number:08d}"


def reports_prefix(repository: "Repository", number: int) -> str:
    """Below which the reports of one build's attempts are stored."""
    return f"{REPORTS}{repository}/{number:08d}/"


def report_key(repository: "Repository", number: int, stage_id: str, attempt: int) -> str:
    """Where one attempt reports: the only key that its stage writes."""
    return f"{reports_prefix(repository, number)}{stage_id}/{attempt}"


def build_key_of_report(key: str) -> str:
    """The key of the build that a report key belongs to."""
    return BUILDS + key.removeprefix(REPORTS).rsplit("/", 2)[0]


def objects_prefix(repository: "Repository", number: int) -> str:
    """Below which S3 holds everything of one build."""
    return f"{repository}/{number:08d}/"


def attempt_prefix(repository: "Repository", number: int, stage_id: str, attempt: int) -> str:
    """Below which S3 holds everything of one attempt; ends with a slash."""
    return f"{objects_prefix(repository, number)}{stage_id}/{attempt}/"


def log_prefix(repository: "Repository", number: int, stage_id: str, attempt: int) -> str:
    """Below which one attempt's log is kept; ends with a slash."""
    return f"{attempt_prefix(repository, number, stage_id, attempt)}log/"


def log_archive(prefix: str) -> str:
    """The object that holds the whole log of a finished attempt; `prefix` is its log prefix."""
    return f"{prefix}archive"


def log_chunk(prefix: str, offset: int) -> str:
    """The object that holds the log's bytes from `offset` on, while the stage runs."""
    return f"{prefix}chunk-{offset:015d}"


def log_chunk_offset(key: str) -> int:
    """The byte offset that a chunk's key names."""
    return int(key.rsplit("chunk-", 1)[1])


def artifacts_prefix(repository: "Repository", number: int, stage_id: str, attempt: int) -> str:
    """Below which one attempt's artifacts are kept, under their paths in the workspace; ends with a slash."""
    return f"{attempt_prefix(repository, number, stage_id, attempt)}artifacts/"


def image_repository(repository: "Repository") -> str:
    """The path, without a host, of a repository's images in the internal registry; no two repositories share one."""
    return "/".join(_path_component(part) for part in (repository.host, repository.owner, repository.name))


def _path_component(part: str) -> str:
    """`part` as a path component of the distribution specification: in lower case; with a hash where more changed."""
    if re.fullmatch(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*", part.lower()):
        return part.lower()
    return f"{slug(part)}-{hashlib.sha256(part.encode()).hexdigest()[:8]}"


def job_name(repository: "Repository", number: int, stage_id: str, attempt: int) -> str:
    """The name of an attempt's Job: `<pipeline>-<build>-<stage>-<attempt>-<hash>`, at most 63 characters."""
    digest = hashlib.sha256(f"{repository}/{number}/{stage_id}/{attempt}".encode()).hexdigest()[:8]
    tail = f"-{number}-{slug(stage_id, 24)}-{attempt}-{digest}"
    return slug(repository.name, MAX_NAME - len(tail)) + tail


def build_secret_name(repository: "Repository", number: int, run: int) -> str:
    """The name of the Secret that carries our own credentials for one run of a build; it goes at that run's end."""
    digest = hashlib.sha256(f"{repository}/{number}/{run}".encode()).hexdigest()[:8]
    tail = f"-{number}-{digest}"
    return slug(repository.name, MAX_NAME - len(tail)) + tail
