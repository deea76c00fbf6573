"""Where in the clone the Dockerfile and its context are, and which builder the Dockerfile needs."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.errors import InputError
from shared.json_value import Json


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to build: the folder that is the build context, and the Dockerfile, both resolved and within the clone."""

    context: Path
    dockerfile: Path

    @property
    def text(self) -> str:
        """The Dockerfile's text."""
        return self.dockerfile.read_text(errors="replace")


def locate(workspace: Path, params: Mapping[str, Json]) -> Recipe:
    """Find the Dockerfile: `dockerfile_name` in the folder `dockerfile_path`, which is the build context.

    Raises InputError, naming the path, where one is missing or a link leads out of the clone.
    """
    path, name = _param(params, "dockerfile_path", "."), _param(params, "dockerfile_name", "Dockerfile")
    context = _resolve(workspace, Path(path), f"dockerfile_path {path!r}")
    if context.is_file():
        raise InputError(f"dockerfile_path {path!r} is a file: name its folder there, and the file as dockerfile_name")
    if not context.is_dir():
        raise InputError(f"there is no folder {path!r} in the repository: dockerfile_path is wrong")
    where = str(Path(path) / name)
    dockerfile = _resolve(workspace, Path(path) / name, f"the Dockerfile {where!r}")
    if not dockerfile.is_file():
        raise InputError(f"there is no file {where!r} in the repository: see dockerfile_path and dockerfile_name")
    _resolve(workspace, Path(path) / ".dockerignore", "the file .dockerignore")
    return Recipe(context, dockerfile)


def _param(params: Mapping[str, Json], name: str, default: str) -> str:
    value = params.get(name) or default
    if not isinstance(value, str) or "\0" in value:
        raise InputError(f"the param `{name}` must be a text")
    return value


def _resolve(workspace: Path, path: Path, what: str) -> Path:
    try:
        resolved = (workspace / path).resolve()
    except (OSError, RuntimeError) as error:
        raise InputError(f"{what} cannot be followed: {error}") from error
    if not resolved.is_relative_to(workspace.resolve()):
        raise InputError(f"{what} leads out of the repository")
    return resolved


_PLATFORM_VARIABLES = re.compile(r"\b(BUILD|TARGET)(PLATFORM|OS|ARCH|VARIANT)\b")
_HEREDOC = re.compile(r"(?<!<)<<-?[\"']?[A-Za-z_]")
_SYNTAX = re.compile(r"#\s*syntax\s*=", re.IGNORECASE)
_DIRECTIVE = re.compile(r"#\s*[A-Za-z]+\s*=")
_INSTRUCTION = re.compile(r"\s*([A-Za-z]+)\s+((?:--\S+\s+)*)(.*)", re.DOTALL)
_CLASSIC_FLAGS = {"COPY": {"from", "chown"}, "ADD": {"chown"}, "RUN": set[str]()}
_ANSWER = re.compile(r"requires BuildKit|unknown flag|enable BuildKit", re.IGNORECASE)


def buildkit_reason(recipe: Recipe, answer: str = "") -> str:
    """What in a Dockerfile, or in an engine's `answer` to it, asks for BuildKit; "" where the classic builder will do.

    The one place that decides this. Too early a yes does no harm.
    """
    if _ANSWER.search(answer):
        return f"the engine's answer {answer!r}"
    if recipe.dockerfile.with_name(f"{recipe.dockerfile.name}.dockerignore").exists():
        return f"{recipe.dockerfile.name}.dockerignore"
    lines = recipe.text.splitlines()
    if _has_syntax_line(lines):
        return "a `# syntax=` line"
    return next(filter(None, map(_reason_of, _instructions(lines))), "")


def _has_syntax_line(lines: list[str]) -> bool:
    for line in lines:
        if _SYNTAX.match(line):
            return True
        if not _DIRECTIVE.match(line):
            return False
    return False


def _instructions(lines: list[str]) -> Iterator[str]:
    """The Dockerfile's instructions, each with its continued lines, without comments."""
    open_lines: list[str] = []
    for line in lines:
        if line.lstrip().startswith("#"):
            continue
        open_lines.append(line.rstrip().removesuffix("\\"))
        if not line.rstrip().endswith("\\"):
            yield " ".join(open_lines)
            open_lines = []
    yield " ".join(open_lines)


def _reason_of(instruction: str) -> str:
    match = _INSTRUCTION.match(instruction)
    if not match:
        return ""
    word, flags, rest = match[1].upper(), match[2].split(), match[3]
    if word in _CLASSIC_FLAGS:
        for flag in flags:
            if flag.removeprefix("--").partition("=")[0] not in _CLASSIC_FLAGS[word]:
                return f"{word} {flag.partition('=')[0]}"
        if _HEREDOC.search(rest):
            return "a heredoc"
    if variable := _PLATFORM_VARIABLES.search(instruction):
        return f"the variable {variable[0]}"
    return ""
