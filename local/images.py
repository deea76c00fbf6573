"""The images of ours in an engine: built when they are not there under the hash of what goes into them.

All of them start from one base image, also the services' (etcd, registry, S3, git): one way to get them, which
works, and is tested, with and without an image registry within reach.
`python -m local.images` builds them and prints each name with its reference.
"""

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import IO

from local.base_images import ensure_base
from local.engine import Engine, engine_errors, find_engine
from local.home import open_home
from local.progress import Say, say_on_stderr
from local.recipes import ONE_MACHINE, RECIPES, Recipe, references, with_parents
from local.site import collect_site
from shared.errors import EXIT_SUCCESS, InfrastructureError, Interrupted, KontinuousError

BUILD_READ_S = 600
AT_ONCE = 4
OUTPUT_TAIL_LINES = 20
COLOUR = re.compile(r"\x1b\[[0-9;]*m")  # the engine paints what a step writes to stderr
IMAGE_LABEL = "kontinuous.io/image"


def ensure_images(engine: Engine, cache: Path, say: Say, names: Iterable[str] = ONE_MACHINE) -> Mapping[str, str]:
    """Return the reference of each image of `names` (and of their parents), building those that the engine lacks.

    Asked for all of the one-machine mode, it sees to the base image in any case, since the users' Dockerfiles want it
    too.
    `cache` is a folder for downloaded parts. Raises InfrastructureError with the end of a failed build's output.
    """
    found = references(with_parents(names))
    missing = [name for name, reference in found.items() if not _exists(engine, reference)]
    if not missing and names is not ONE_MACHINE:
        return found
    with ThreadPoolExecutor(AT_ONCE) as pool:
        sites = {name: pool.submit(_site, engine, RECIPES[name], cache) for name in missing}
        stop = Event()
        try:
            base = ensure_base(engine, cache, say)
            builds: dict[str, Future[None]] = {}
            for name in missing:
                job = _Build(engine, RECIPES[name], found, base, say, stop)
                builds[name] = pool.submit(job.run, sites[name], builds.get(job.recipe.parent))
            for build in builds.values():
                build.result()
        except BaseException:
            # One failed, or Ctrl-C: leaving the pool waits for the others, so they are to end now.
            stop.set()
            raise
    return found


def _exists(engine: Engine, reference: str) -> bool:
    from docker.errors import ImageNotFound

    with engine_errors(f"look for the image {reference}"), engine.client() as client:
        try:
            client.images.get(reference)
        except ImageNotFound:
            return False
    return True


def _site(engine: Engine, recipe: Recipe, cache: Path) -> Path | None:
    if not recipe.requirements:
        return None
    with engine_errors(f"collect what the image {recipe.name} imports"), engine.client() as client:
        return collect_site(recipe.requirements, str(client.version()["Arch"]), cache)


class _Build:
    """The building of one image."""

    def __init__(
        self, engine: Engine, recipe: Recipe, found: Mapping[str, str], base: str, say: Say, stop: Event
    ) -> None:
        self.engine = engine
        self.recipe = recipe
        self.reference = found[recipe.name]
        self.base = found[recipe.parent] if recipe.parent else base
        self.say = say
        self.stop = stop

    def run(self, site: "Future[Path | None]", parent: "Future[None] | None") -> None:
        """Build it once its libraries are collected and its parent is there."""
        if parent:
            parent.result()
        self.build_now(site.result())

    def build_now(self, site: Path | None) -> None:
        """Build it; raises InfrastructureError with the end of the build's output."""
        self.say(f"image: building {self.reference}")
        with tempfile.TemporaryFile() as context, engine_errors(f"build {self.reference}"):
            self.recipe.write_context(context, site)
            context.seek(0)
            self._build(context)

    def _build(self, context: IO[bytes]) -> None:
        output: list[str] = []
        with self.engine.client(timeout_s=BUILD_READ_S) as client:
            events = client.api.build(
                fileobj=context, custom_context=True, encoding="identity", tag=self.reference, rm=True, forcerm=True,
                buildargs={"BASE": self.base}, labels={IMAGE_LABEL: self.recipe.name}, decode=True,
            )  # fmt: skip
            for event in events:
                if self.stop.is_set():
                    raise Interrupted(f"the build of {self.reference} was stopped")
                output += COLOUR.sub("", event.get("stream", "")).splitlines()
                if "error" in event:
                    tail = "\n".join(output[-OUTPUT_TAIL_LINES:])
                    raise InfrastructureError(
                        f"cannot build {self.reference}: {event['error']}; its last output:\n{tail}"
                    )


def main(arguments: list[str] | None = None) -> int:
    """Build images and print `name reference` lines on stdout; progress goes to stderr."""
    parser = argparse.ArgumentParser(prog="python -m local.images", description="Build the images of kontinuous.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which ones: {', '.join(RECIPES)} (default: all)")
    parser.add_argument("--tag", help="also tag each as kontinuous/NAME:TAG")
    parser.add_argument("--ours", action="store_true", help="the engine may get homemade images under public names")
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - set(RECIPES):
        parser.error(f"there is no image {', '.join(sorted(unknown))}; there are {', '.join(RECIPES)}")
    try:
        home = open_home(os.environ)
        engine = find_engine(home.engine_root, say_on_stderr, ours=options.ours)
        try:
            images = ensure_images(engine, home.cache, say_on_stderr, options.names or RECIPES)
            _tag(engine, images, options.tag)
        finally:
            engine.stop()
    except KontinuousError as error:
        say_on_stderr(str(error))
        return error.exit_code
    print("".join(f"{name} {reference}\n" for name, reference in images.items()), end="")
    return EXIT_SUCCESS


def _tag(engine: Engine, images: Mapping[str, str], tag: str | None) -> None:
    if not tag:
        return
    with engine_errors("tag the images"), engine.client() as client:
        for name, reference in images.items():
            client.api.tag(reference, f"kontinuous/{name}", tag)


if __name__ == "__main__":
    sys.exit(main())
