"""What each image is made of. A recipe's folder has its Dockerfile; the tag is a hash of all that goes in."""

import hashlib
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import IO

import local
import shared
import stage_images

STAGES = Path(stage_images.__file__).parent
SERVICES = Path(local.__file__).parent / "service_images"
SHARED = Path(shared.__file__).parent
TAG_LENGTH = 12


@dataclass(frozen=True)
class Recipe:
    """One image. `parent` is the recipe it starts from ("" for the base image), `code` the Python it holds."""

    name: str
    folder: Path
    parent: str = ""
    code: tuple[Path, ...] = ()

    @property
    def requirements(self) -> Path | None:
        """The list of the libraries that it holds as `site/`, if any."""
        path = self.folder / "requirements.txt"
        return path if path.exists() else None

    @cached_property
    def files(self) -> dict[str, bytes]:
        """The build context but for `site/`: the folder's own files at its root, Python code below `code/`."""
        files = (path for path in self.folder.iterdir() if path.is_file() and path.suffix != ".py")
        own = {path.name: path.read_bytes() for path in files}
        return own | {f"code/{path.relative_to(SHARED.parent)}": path.read_bytes() for path in self._sources()}

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
                tar.add(site, "site", filter=_anonymous)


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
    )
}


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
