"""Manifests: an attempt of a stage as a Kubernetes Job. Pure.

A stage's pod is our container `stage`. For the type `command` a second container `user` runs the user's own
image, unmodified, with nothing of ours mounted but the workspace and the hand-over folder.
"""

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from coordinator.links import build_url, status_url
from coordinator.settings import Settings
from shared import github_status, keys
from shared.codec import encode
from shared.errors import InputError
from shared.json_value import Json
from shared.model import BUILT_IN_TYPES, COMMAND, DOCKER_BUILD, DOCKER_PUBLISH, Attempt, Build, Stage
from shared.stage_contract import StageContext

CONTEXT_VERSION = 1
MAX_VARIABLE_BYTES = 128 * 1024  # Linux: MAX_ARG_STRLEN, the most that one environment variable may have
STAGE_USER = 65532
GRACE_S = 25  # a stage promises to have reported within 20 s of SIGTERM
HANDOFF_SIZE = "16Mi"
ENGINE_SOCKET = "/var/run/docker.sock"
_LIBRARY = "/usr/lib/kontinuous"


@dataclass(frozen=True, slots=True)
class _Part:
    """A volume and where the two containers mount it; None: not at all."""

    volume: dict[str, Any]
    stage: str | None = None
    user: str | None = None
    read_only: bool = False


def job_manifest(
    build: Build, stage: Stage, attempt: Attempt, settings: Settings, credentials: Iterable[str]
) -> dict[str, Any]:
    """The whole Job of one attempt; `credentials` names the files that the build's Secret has for it.

    Raises InputError where the context does not fit one variable.
    """
    parts = tuple(_parts(build, stage, settings, credentials))
    build_key = keys.build_key(build.repository, build.number)
    meta = {"labels": _labels(build, stage, attempt), "annotations": {keys.ANNOTATION_BUILD_KEY: build_key}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": attempt.job, "namespace": build.pipeline.namespace, **meta},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": timeout_s(stage, settings),
            "ttlSecondsAfterFinished": settings.job_ttl_s,
            "template": {"metadata": meta, "spec": _pod_spec(build, stage, attempt, settings, parts)},
        },
    }


def check_contexts(build: Build, settings: Settings) -> None:
    """Raise InputError for a stage whose context will not fit, before anything of the build is started."""
    for stage in build.stages:
        _context_text(stage, stage_context(build, stage, Attempt(1, ""), settings), reserve=4096)


def stage_context(build: Build, stage: Stage, attempt: Attempt, settings: Settings) -> StageContext:
    """The document that tells a stage all it needs to know."""
    place = (build.repository, build.number, stage.id, attempt.number)
    return StageContext(
        version=CONTEXT_VERSION,
        pipeline=str(build.repository),
        pipeline_name=build.pipeline.name,
        build=build.number,
        stage=stage.id,
        stage_name=stage.spec.name,
        stage_type=stage.spec.type,
        attempt=attempt.number,
        namespace=build.pipeline.namespace,
        commit=build.commit.sha,
        ref=build.commit.ref,
        branch=build.commit.branch,
        clone_url=build.clone_url,
        params=stage.spec.params,
        secrets=stage.spec.secrets,
        artifacts=stage.spec.artifacts,
        image=built_image(build, stage),
        image_repository=keys.image_repository(build.repository),
        registry=settings.builder_registry or settings.internal_registry,
        docker_host=_docker_host(stage, settings),
        kv_address=settings.stage_kv_address or settings.kv_address,
        s3_url=settings.stage_s3_url or settings.s3_url,
        s3_bucket=settings.s3_bucket,
        s3_region=settings.s3_region,
        report_key=keys.report_key(*place),
        log_prefix=keys.log_prefix(*place),
        artifacts_prefix=keys.artifacts_prefix(*place),
        kontinuous_url=settings.kontinuous_url,
        build_url=build_url(settings.kontinuous_url, build.repository, build.number),
        status_url=status_url(settings.github_url, build.repository, build.commit.sha),
        status_context=github_status.stage_context(stage.id),
        timeout_s=timeout_s(stage, settings),
        patience_s=settings.patience_s,
    )


def built_image(build: Build, stage: Stage) -> str:
    """The image (`path@sha256:…`) that the nearest stage before this one built, or the inherited one, or ""."""
    image = build.inherited_image
    for earlier in build.stages:
        if earlier.id == stage.id:
            break
        if earlier.attempts and isinstance(earlier.attempts[-1].result.get("image"), str):
            image = earlier.attempts[-1].result["image"]
    return image


def timeout_s(stage: Stage, settings: Settings) -> int:
    """How long an attempt may take, in seconds."""
    return stage.spec.timeout_s or settings.default_timeout_s


def _docker_host(stage: Stage, settings: Settings) -> str:
    if not _uses_builder(stage):
        return ""
    return f"unix://{ENGINE_SOCKET}" if settings.docker_host.startswith("unix://") else settings.docker_host


def _labels(build: Build, stage: Stage, attempt: Attempt) -> dict[str, str]:
    return {
        **build.pipeline.labels,
        keys.LABEL_MANAGED: keys.MANAGED_BY,
        keys.LABEL_PIPELINE: keys.slug(build.repository.name, keys.MAX_NAME),
        keys.LABEL_BUILD: str(build.number),
        keys.LABEL_STAGE: stage.id,
        keys.LABEL_ATTEMPT: str(attempt.number),
    }


def _pod_spec(
    build: Build, stage: Stage, attempt: Attempt, settings: Settings, parts: tuple[_Part, ...]
) -> dict[str, Any]:
    context = stage_context(build, stage, attempt, settings)
    containers = [_stage_container(stage, context, settings, parts)]
    if stage.spec.type == COMMAND:
        containers.append(_user_container(stage, context, settings, parts))
    groups = [settings.docker_socket_group] if _mounts_socket(stage, settings) else []
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE_S,
        **({"securityContext": {"supplementalGroups": groups}} if any(g is not None for g in groups) else {}),
        **_pull_secrets(build, settings),
        "containers": containers,
        "volumes": [part.volume for part in parts],
    }


def _pull_secrets(build: Build, settings: Settings) -> dict[str, Any]:
    """The node's logins: at the internal registry, where it wants one, and what the operator names.

    A ServiceAccount's own are added to a pod only where it has none.
    """
    own = [keys.build_secret_name(build.repository, build.number, build.run)] if settings.registry_login.user else []
    names = [*own, *settings.stage_pull_secrets]
    return {"imagePullSecrets": [{"name": name} for name in names]} if names else {}


def _uses_builder(stage: Stage) -> bool:
    return stage.spec.type in (DOCKER_BUILD, DOCKER_PUBLISH)


def _mounts_socket(stage: Stage, settings: Settings) -> bool:
    return _uses_builder(stage) and settings.docker_host.startswith("unix://")


def _items(names: Iterable[str]) -> list[dict[str, str]]:
    return [{"key": name, "path": name} for name in names]


def _parts(build: Build, stage: Stage, settings: Settings, credentials: Iterable[str]) -> Iterator[_Part]:
    yield _Part({"name": "tmp", "emptyDir": {}}, stage="/tmp")  # noqa: S108 - the stage's own, its root is read-only
    if stage.spec.type != DOCKER_PUBLISH:
        user = keys.WORKSPACE if stage.spec.type == COMMAND else None
        yield _Part({"name": "workspace", "emptyDir": {}}, stage=keys.WORKSPACE, user=user)
    if stage.spec.type == COMMAND:
        handoff = {"medium": "Memory", "sizeLimit": HANDOFF_SIZE}
        yield _Part({"name": "handoff", "emptyDir": handoff}, stage=keys.HANDOFF, user=keys.HANDOFF)
    secret = keys.build_secret_name(build.repository, build.number, build.run)
    files = {"secretName": secret, "items": _items(credentials)}
    yield _Part({"name": "credentials", "secret": files}, stage=keys.CREDENTIALS, read_only=True)
    if settings.builder_tls and _uses_builder(stage):
        certificates = {"secretName": secret, "items": _items(settings.builder_tls)}
        yield _Part({"name": "builder-tls", "secret": certificates}, stage=keys.BUILDER_TLS, read_only=True)
    for index, name in enumerate(stage.spec.secrets):
        volume = {"name": f"secret-{index}", "secret": {"secretName": name}}
        yield _Part(volume, stage=f"{keys.SECRETS}/{name}", read_only=True)
    if _mounts_socket(stage, settings):
        path = settings.docker_host.removeprefix("unix://")
        yield _Part({"name": "engine", "hostPath": {"path": path, "type": "Socket"}}, stage=ENGINE_SOCKET)


def _stage_container(
    stage: Stage, context: StageContext, settings: Settings, parts: tuple[_Part, ...]
) -> dict[str, Any]:
    busybox = f"{_LIBRARY}/busybox"
    prepare = [busybox, "timeout", "20", busybox, "sh", f"{_LIBRARY}/prepare.sh"]
    own_resources = {} if stage.spec.type == COMMAND else _plain(stage.spec.resources)
    return {
        "name": keys.STAGE_CONTAINER,
        "image": stage.image,
        "imagePullPolicy": "IfNotPresent",
        "env": _variables({keys.CONTEXT_VARIABLE: _context_text(stage, context), **_stage_facts(context, settings)}),
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": STAGE_USER,
            "runAsGroup": STAGE_USER,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "resources": own_resources,
        **({"lifecycle": {"postStart": {"exec": {"command": prepare}}}} if stage.spec.type == COMMAND else {}),
        "volumeMounts": [_mount(part, part.stage) for part in parts if part.stage],
    }


def _user_container(
    stage: Stage, context: StageContext, settings: Settings, parts: tuple[_Part, ...]
) -> dict[str, Any]:
    params = stage.spec.params
    image = str(params.get("image") or "")
    built = f"{settings.node_registry or settings.internal_registry}/{context.image}"
    working_dir = str(params.get("working_dir") or "")
    folder = posixpath.join(keys.WORKSPACE, working_dir).rstrip("/") if image or working_dir else ""
    return {
        "name": keys.USER_CONTAINER,
        "image": image or built,
        "imagePullPolicy": "IfNotPresent",
        "command": [f"{keys.HANDOFF}/busybox", "sh", f"{keys.HANDOFF}/user.sh"],
        "args": [_literal(str(word)) for word in (*params.get("command", ()), *params.get("args", ()))],
        "env": _variables({**facts(context, settings), **_GIT_TRUST}),
        **({"workingDir": folder} if folder else {}),
        "resources": _plain(stage.spec.resources),
        "volumeMounts": [_mount(part, part.user) for part in parts if part.user],
    }


_GIT_TRUST = {
    # The clone belongs to another user than the one the image runs as; git refuses such a folder by default.
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "safe.directory",
    "GIT_CONFIG_VALUE_0": "*",
}


def facts(context: StageContext, settings: Settings) -> dict[str, str]:
    """What any script may know of its build, as KONTINUOUS_* variables. Nothing in it is secret."""
    return {
        "KONTINUOUS_PIPELINE": context.pipeline,
        "KONTINUOUS_PIPELINE_NAME": context.pipeline_name,
        "KONTINUOUS_BUILD": str(context.build),
        "KONTINUOUS_STAGE": context.stage,
        "KONTINUOUS_STAGE_NAME": context.stage_name,
        "KONTINUOUS_ATTEMPT": str(context.attempt),
        "KONTINUOUS_COMMIT": context.commit,
        "KONTINUOUS_REF": context.ref,
        "KONTINUOUS_BRANCH": context.branch,
        "KONTINUOUS_NAMESPACE": context.namespace,
        "KONTINUOUS_URL": context.kontinuous_url,
        "KONTINUOUS_INTERNAL_REGISTRY": settings.internal_registry,
        "KONTINUOUS_IMAGE": context.image,
        "KONTINUOUS_WORKSPACE": keys.WORKSPACE,
    }


def _stage_facts(context: StageContext, settings: Settings) -> dict[str, str]:
    """For custom stages also each param under its own name; our own three read params from the context alone."""
    custom = {} if context.stage_type in BUILT_IN_TYPES else context.params
    params = {name: _text(value) for name, value in custom.items() if name != keys.CONTEXT_VARIABLE}
    return {**params, **facts(context, settings)}


def _text(value: Json) -> str:
    return value if isinstance(value, str) else encode(value).decode()


def _variables(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": _literal(value)} for name, value in values.items()]


def _literal(text: str) -> str:
    """Text in which nothing is expanded: Kubernetes reads `$$` as one dollar sign and `$(NAME)` as a variable."""
    return text.replace("$", "$$")


def _context_text(stage: Stage, context: StageContext, reserve: int = 0) -> str:
    data = encode(context)
    if len(data) + reserve >= MAX_VARIABLE_BYTES:
        raise InputError(
            f"stage {stage.spec.name!r}: its params make a context of {len(data)} bytes, and a process can be given "
            f"{MAX_VARIABLE_BYTES}; put large values into a file of the repository"
        )
    return data.decode()


def _mount(part: _Part, path: str | None) -> dict[str, Any]:
    read_only = {"readOnly": True} if part.read_only else {}
    return {"name": part.volume["name"], "mountPath": path, **read_only}


def _plain(resources: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    return {kind: dict(amounts) for kind, amounts in resources.items()}
