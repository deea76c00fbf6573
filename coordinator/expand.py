"""Expanding: a pipeline file and what set it off become a Build. Pure; nothing is stored or started here."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from coordinator.fitting import MAX_NEW_BUILD_BYTES
from coordinator.settings import Settings
from shared import keys
from shared.catalogue import StageType
from shared.codec import encode
from shared.errors import InputError, NotFound
from shared.keys import stage_ids
from shared.model import (
    COMMAND,
    DOCKER_BUILD,
    DOCKER_PUBLISH,
    NOT_ASKED_FOR,
    NOT_FOR_FORKS,
    Build,
    Commit,
    Pipeline,
    Repository,
    Stage,
    StageSpec,
    Trigger,
)

_OWN_SECRET = re.compile(r".*-[0-9]+-[0-9a-f]{8}")
"""What keys.build_secret_name makes."""


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for. `only` names stages (by name or id) to run alone; empty means all.

    `inherited_image` is the image (`path@sha256:…`) that an earlier build of the repository made, for stages
    that need one when the stage that builds it was not asked for; "" where there is none. `fork` says that the commit
    is of a pull request from a fork: its stages get no secrets, and publish nothing.
    """

    repository: Repository
    commit: Commit
    clone_url: str
    trigger: Trigger
    only: Collection[str] = field(default_factory=tuple)
    inherited_image: str = ""
    fork: bool = False


def expand(pipeline: Pipeline, request: Request, number: int, catalogue: Mapping[str, StageType], now: str) -> Build:
    """Make the Build that a request asks for, with every stage PENDING or SKIPPED.

    `catalogue` maps stage types to what runs them. Raises InputError for a stage type without an image, a name in
    `only` that no stage has, a stage that needs an image none has built, a Secret that no stage may name, or a build
    that is too large to store.
    """
    ids = stage_ids(spec.name for spec in pipeline.stages)
    _check_selection(pipeline, ids, request.only)
    _check_secrets(pipeline)
    stages = tuple(
        Stage(id_, _allowed(spec, request), _image_of(spec, catalogue), skipped=_skipped(spec, id_, request))
        for id_, spec in zip(ids, pipeline.stages, strict=True)
    )
    inherited = _check_images(stages, request.inherited_image)
    build = Build(
        repository=request.repository,
        number=number,
        pipeline=pipeline,
        commit=request.commit,
        clone_url=request.clone_url,
        trigger=request.trigger,
        stages=stages,
        created_at=now,
        inherited_image=inherited,
        fork=request.fork,
    )
    size = len(encode(build))
    if size > MAX_NEW_BUILD_BYTES:
        raise InputError(
            f"the pipeline makes a build of {size} bytes, and {MAX_NEW_BUILD_BYTES} is the most that is stored"
        )
    return build


def with_defaults(pipeline: Pipeline, settings: Settings) -> Pipeline:
    """The pipeline with the operator's `resources` and `artifacts` in the stages that name none of their own.

    Of `resources`, those of the stage's type come before those of all.
    """
    of_type = {kind: entry.resources for kind, entry in settings.catalogue.items()}
    stages = (
        replace(
            spec,
            resources=spec.resources or of_type.get(spec.type) or settings.default_resources,
            artifacts=spec.artifacts or settings.default_artifacts,
        )
        for spec in pipeline.stages
    )
    return replace(pipeline, stages=tuple(stages))


def needs_image(spec: StageSpec) -> bool:
    """Say whether a stage works on the image that an earlier stage built."""
    return spec.type == DOCKER_PUBLISH or (spec.type == COMMAND and not spec.params.get("image"))


def _allowed(spec: StageSpec, request: Request) -> StageSpec:
    return replace(spec, secrets=()) if request.fork else spec


def _skipped(spec: StageSpec, id_: str, request: Request) -> str:
    """Why a stage will not run, or ""."""
    if request.only and spec.name not in request.only and id_ not in request.only:
        return NOT_ASKED_FOR
    return NOT_FOR_FORKS if request.fork and spec.type == DOCKER_PUBLISH else ""


def _check_selection(pipeline: Pipeline, ids: tuple[str, ...], only: Collection[str]) -> None:
    known = {*ids, *(spec.name for spec in pipeline.stages)}
    unknown = [name for name in only if name not in known]
    if unknown:
        names = ", ".join(repr(spec.name) for spec in pipeline.stages)
        raise NotFound(f"there is no stage {unknown[0]!r} in the pipeline; its stages are {names}")


def _check_secrets(pipeline: Pipeline) -> None:
    """Who named the Secret of a build, their own or another's, could read the system's credentials."""
    named = [(f"stage {spec.name!r}", name) for spec in pipeline.stages for name in spec.secrets]
    for who, name in [*named, *(("a notification", each.secret or "") for each in pipeline.notif)]:
        if name == keys.OWN_SECRET or _OWN_SECRET.fullmatch(name):
            raise InputError(
                f"{who} may not use the secret {name!r}: {keys.OWN_SECRET!r} and names that end in a "
                "number and 8 hex digits are kontinuous' own Secrets; give yours another name"
            )


def _image_of(spec: StageSpec, catalogue: Mapping[str, StageType]) -> str:
    if spec.type not in catalogue:
        raise InputError(
            f"stage {spec.name!r} has the type {spec.type!r}, and this installation has no image for that type"
        )
    return catalogue[spec.type].image


def _check_images(stages: tuple[Stage, ...], inherited: str) -> str:
    built = False
    used = ""
    for stage in stages:
        if stage.skipped:
            continue
        if needs_image(stage.spec) and not built:
            if not inherited:
                raise InputError(_no_image(stage.spec, stages))
            used = inherited
        built = built or stage.spec.type == DOCKER_BUILD
    return used


def _no_image(spec: StageSpec, stages: tuple[Stage, ...]) -> str:
    builders = [stage.spec.name for stage in stages if stage.spec.type == DOCKER_BUILD]
    if builders:
        missing = f"the image of {builders[0]!r}, which no earlier build has made"
        return f"stage {spec.name!r} needs {missing}: run that stage too"
    advice = "name one in params.image or " if spec.type == COMMAND else ""
    return f"stage {spec.name!r} needs an image: {advice}put a docker_build stage before it"
