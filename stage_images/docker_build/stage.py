"""The stage type `docker_build`: builds the commit's Dockerfile and pushes the image to the internal registry.

The folder `dockerfile_path` is the build context. Params are no build arguments: a value that a Dockerfile is to
know belongs into the repository. Images that it begins with are pulled without a login.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from shared import keys
from shared.clock import timestamp
from shared.json_value import Json
from shared.stage_contract import StageContext
from stage_images._docker import MOUNTED_SOCKET, Engine
from stage_images._registry import Credentials
from stage_images.docker_build import buildkit
from stage_images.docker_build.failures import failure
from stage_images.docker_build.recipe import Recipe, buildkit_reason, locate

if TYPE_CHECKING:
    from shared.stage_run import StageRun

SHORT_SHA = 12


def execute(run: "StageRun") -> Mapping[str, Json]:
    """Build, push under the build's number and the commit, and return `{"image": "path@sha256:…", "tags": […]}`."""
    context = run.context
    recipe = locate(run.workspace, run.params)
    _close_to_others(recipe.context)
    name = f"{context.registry}/{context.image_repository}"
    tags = [str(context.build), context.commit[:SHORT_SHA]]
    with Engine.connect(context.docker_host) as engine:
        run.work_begins()
        _build(run, engine, recipe, f"{name}:{tags[0]}")
        run.mark("built")
        digest = _push(run, engine, name, tags)
    return {"image": f"{context.image_repository}@{digest}", "tags": tags}


def _build(run: "StageRun", engine: Engine, recipe: Recipe, tag: str) -> None:
    labels = _labels(run.context)
    reason = buildkit_reason(recipe)
    if not reason:
        outcome = engine.build(recipe.context, recipe.dockerfile, tag, labels, run.log.write)
        if not outcome.error:
            return
        run.log.note(outcome.error)
        reason = buildkit_reason(recipe, outcome.error)
        if not reason:
            raise failure(outcome.step, outcome.error, outcome.exit_code)
    run.log.note(f"Building with BuildKit because of {reason}.")
    buildkit.build(recipe, tag, labels, run.context.docker_host or MOUNTED_SOCKET, run.log.write)


def _push(run: "StageRun", engine: Engine, name: str, tags: list[str]) -> str:
    user = run.credentials.get(keys.REGISTRY_USER)
    credentials = Credentials(user, run.credentials.get(keys.REGISTRY_PASSWORD, "")) if user else None
    first, *others = tags
    digest = engine.push(name, first, credentials, run.log.write)
    for tag in others:
        engine.tag(f"{name}:{first}", name, tag)
        engine.push(name, tag, credentials, run.log.write)
    return digest


def _labels(context: StageContext) -> dict[str, str]:
    """What OCI says an image should tell of its origin; the source without a login."""
    parts = urlsplit(context.clone_url)
    source = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return {
        "org.opencontainers.image.revision": context.commit,
        "org.opencontainers.image.source": source,
        "org.opencontainers.image.created": timestamp(),
    }


def _close_to_others(folder: Path) -> None:
    """Take away the right of all to write, which a workspace has, so that no image gets files that all may write."""
    for parent, folders, files in os.walk(folder):
        for path in (Path(parent, name) for name in (*folders, *files)):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode & 0o7755)
