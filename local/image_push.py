"""Pushing the images to a registry from which a cluster pulls them.

`python -m local.image_push REGISTRY` builds what is missing, pushes all and prints, as a kustomization, what an
overlay of `deploy/` needs to use them.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from local.engine import Engine, engine_errors, find_engine
from local.home import open_home
from local.images import ensure_images
from local.progress import Say, say_on_stderr
from local.recipes import RECIPES
from shared.errors import EXIT_SUCCESS, InfrastructureError, KontinuousError
from shared.model import BUILT_IN_TYPES

PUSH_S = 900
CLUSTER = tuple(name for name in RECIPES if name not in ("base", "git", "program"))
"""The images that a cluster runs."""


def kustomization(references: Mapping[str, str]) -> str:
    """The component of a kustomization that puts these images (name → reference) in the place of `kontinuous/<name>`.

    Stage images stand in the setting STAGE_IMAGES, which kustomize takes for a text: so it gets a patch.
    """
    kind = ("apiVersion: kustomize.config.k8s.io/v1alpha1", "kind: Component")
    return "\n".join((*kind, *_images(references), *_stage_images(references))) + "\n"


def _images(references: Mapping[str, str]) -> Iterator[str]:
    yield "images:"
    for name, reference in references.items():
        if name not in BUILT_IN_TYPES:
            repository, _, tag = reference.rpartition(":")
            yield f"  - {{name: kontinuous/{name}, newName: {repository}, newTag: {json.dumps(tag)}}}"


def _stage_images(references: Mapping[str, str]) -> Iterator[str]:
    stages = {name: reference for name, reference in references.items() if name in BUILT_IN_TYPES}
    patch = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "kontinuous", "namespace": "kontinuous"},
        "data": {"STAGE_IMAGES": json.dumps(stages)},
    }
    yield "patches:"
    yield "  - patch: |-"
    yield f"      {json.dumps(patch)}"


def push_images(
    engine: Engine, cache: Path, say: Say, registry: str, tag: str = "", names: Iterable[str] = CLUSTER
) -> dict[str, str]:
    """Push images to `registry` (host, perhaps with a path), building what is missing.

    They are tagged with `tag`, or else with the hash of what they are made of. Returns name → pushed reference.
    Raises InfrastructureError with the registry's own words. The login is the one of `docker login`.
    """
    images = ensure_images(engine, cache, say, names)
    pushed = {}
    for name in names:
        repository = f"{registry.rstrip('/')}/{name}"
        wanted = tag or images[name].rpartition(":")[2]
        say(f"image: pushing {repository}:{wanted}")
        _push(engine, images[name], repository, wanted)
        pushed[name] = f"{repository}:{wanted}"
    return pushed


def _push(engine: Engine, image: str, repository: str, tag: str) -> None:
    with engine_errors(f"push {repository}:{tag}"), engine.client(timeout_s=PUSH_S) as client:
        client.api.tag(image, repository, tag)
        for event in client.api.push(repository, tag, stream=True, decode=True):
            if "error" in event:
                raise InfrastructureError(f"cannot push {repository}:{tag}: {event['error']}")


def main(arguments: list[str] | None = None) -> int:
    """Push the images and print the kustomization on stdout; progress goes to stderr."""
    parser = argparse.ArgumentParser(prog="python -m local.image_push", description="Push the images of kontinuous.")
    parser.add_argument("registry", help="where to: a registry's host, perhaps with a path: quay.io/acme")
    parser.add_argument("--tag", default="", help="the tag of all (default: the hash of what each is made of)")
    options = parser.parse_args(arguments)
    try:
        home = open_home(os.environ)
        engine = find_engine(home.engine_root, say_on_stderr)
        try:
            pushed = push_images(engine, home.cache, say_on_stderr, options.registry, options.tag)
        finally:
            engine.stop()
    except KontinuousError as error:
        say_on_stderr(str(error))
        return error.exit_code
    print(kustomization(pushed), end="")
    return EXIT_SUCCESS


if __name__ == "__main__":
    sys.exit(main())
