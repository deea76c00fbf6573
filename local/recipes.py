"""What each image is made of. A recipe's folder has its Dockerfile; the tag is a hash of all that goes in.

The context of most images has the folder's own files at its root, the Python code below `code/` and the collected
libraries as `site/`. The coordinator's is the repository itself, so that `docker build .` there makes the same image.
"""

import hashlib
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import IO, ClassVar

import coordinator
import local
import shared
import stage_images

STAGES = Path(stage_images.__file__).parent
SERVICES = Path(local.__file__).parent / "service_images"
BUILDER = SERVICES / "builder"
SHARED = Path(shared.__file__).parent
COORDINATOR = Path(coordinator.__file__).parent
CACHE_FOLDER = "__pycache__"
TAG_LENGTH = 12


@dataclass(frozen=True)
class Recipe:
    """One image. `parent` is the recipe it starts from ("" for the base image), `code` the code it holds.

    `root` is what the paths of the code are relative to.
    """

    name: str
    folder: Path
    parent: str = ""
    code: tuple[Path, ...] = ()
    root: Path = SHARED.parent

    site: ClassVar[str] = "site"
    """Where the context has the libraries."""

    @property
    def requirements(self) -> Path | None:
        """The list of the libraries that it holds, if any."""
        path = self.folder / "requirements.txt"
        return path if path.exists() else None

    @cached_property
    def files(self) -> dict[str, bytes]:
        """The build context but for the libraries."""
        files = (path for path in self.folder.iterdir() if path.is_file() and path.suffix != ".py")
        own = {path.name: path.read_bytes() for path in files}
        return own | {f"code/{path.relative_to(self.root)}": path.read_bytes() for path in self._sources()}

    def _sources(self) -> Iterator[Path]:
        for root in self.code:
            yield from (root.rglob("*.py") if root.is_dir() else [root])

    def tag(self, parent_tag: str) -> str:
        """Twelve hex characters that change with anything that goes into the image, or into its parent."""
        digest = hashlib.sha256(parent_tag.encode())
        for path, data in sorted(self.files.items()):
            digest.update(f"\0{path}\0{len(data)}\0".encode() + data)
        return digest.hexdigest()[:TAG_LENGTH]

    def write_context(self, target: IO[bytes], site: Path | None) -> None:
        """Write the build context as a tar, without times and owners: the engine's cache is to see only content."""
        with tarfile.open(fileobj=target, mode="w") as tar:
            for path, data in sorted(self.files.items()):
                entry = tarfile.TarInfo(path)
                entry.size, entry.mode = len(data), 0o644
                tar.addfile(entry, BytesIO(data))
            if site:
                tar.add(site, self.site, filter=_anonymous)


@dataclass(frozen=True)
class CoordinatorRecipe(Recipe):
    """The coordinator's image: its context is the part of the repository that .dockerignore lets through."""

    site: ClassVar[str] = "build/coordinator-site"

    @cached_property
    def files(self) -> dict[str, bytes]:
        """Dockerfile, and all files of the code."""
        paths = (path for root in self.code for path in root.rglob("*") if path.is_file())
        sources = {str(path.relative_to(self.root)): path for path in paths if CACHE_FOLDER not in path.parts}
        sources["Dockerfile"] = self.root / "Dockerfile"
        return {name: path.read_bytes() for name, path in sources.items()}


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
    return entry


def _stage(name: str, common: str) -> Recipe:
    """A stage type's image. `common` is a pattern for what it takes of the code that stage types share."""
    code = (SHARED, *STAGES.glob(common), STAGES / name)
    return Recipe(name, STAGES / name, parent="base", code=code)


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe("etcd", SERVICES / "etcd"),
        Recipe("registry", SERVICES / "registry"),
        Recipe("s3", SERVICES / "s3"),
        Recipe("base", STAGES / "base"),
        Recipe("git", SERVICES / "git", parent="base"),
        _stage("command", "__init__.py"),
        _stage("docker_build", "_*.py"),
        _stage("docker_publish", "_*.py"),
        _stage("program", "__init__.py"),
        Recipe("builder", BUILDER, code=tuple(BUILDER.glob("*.py")), root=BUILDER),
        CoordinatorRecipe("coordinator", COORDINATOR, code=(SHARED, COORDINATOR)),
    )
}
ONE_MACHINE = tuple(name for name in RECIPES if name not in ("builder", "coordinator", "program"))
"""The images that the one-machine mode uses. The rest runs on a cluster only, or is for others to start from."""


def with_parents(names: Iterable[str]) -> tuple[Recipe, ...]:
    """The recipes of `names` and all that they start from, a parent before its children; raises KeyError."""
    wanted: set[str] = set()
    queue = list(names)
    while queue:
        recipe = RECIPES[queue.pop()]
        wanted.add(recipe.name)
        queue += [recipe.parent] if recipe.parent else []
    return tuple(recipe for name, recipe in RECIPES.items() if name in wanted)


def references(recipes: Iterable[Recipe]) -> dict[str, str]:
    """Each image's name with its reference as the files are now, `kontinuous/<name>:<hash>`; parents come first."""
    tags: dict[str, str] = {}
    for recipe in recipes:
        tags[recipe.name] = recipe.tag(tags.get(recipe.parent, ""))
    return {name: f"kontinuous/{name}:{tag}" for name, tag in tags.items()}
