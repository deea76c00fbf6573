"""Whose fault it is that a build failed, and how to say so."""

import re

from shared.errors import InfrastructureError, InputError, KontinuousError, UserWorkFailed
from stage_images._registry import Trouble, trouble_of

_BASE_IMAGE = re.compile(
    r" FROM |--from=|load metadata|resolve (source metadata|image config)|pull access denied|^FROM "
)
_WRONG_DOCKERFILE = re.compile(
    r"parse error|unknown instruction|cannot be empty|failed to (parse|reach build target)|no build stage", re.I
)
_LONGEST_STEP = 200
_DISK_FULL = re.compile(r"no space left on device", re.I)


def failure(step: str, words: str, exit_code: int | None) -> KontinuousError:
    """The error for a build that ended with `words` at `step` ("" before the first); `exit_code` is that of its RUN."""
    place = f"the Dockerfile's {_short(step)}" if step else "the build"
    if exit_code:
        return UserWorkFailed(f"{place} failed with exit code {exit_code}", work_exit_code=exit_code)
    if _DISK_FULL.search(words):
        return InfrastructureError(f"the Docker engine's disk is full: {words}")
    if _WRONG_DOCKERFILE.search(words):
        return InputError(f"the Dockerfile is wrong: {words}")
    if _BASE_IMAGE.search(step) or _BASE_IMAGE.search(words):
        return _without_base_image(place, words)
    if not step and trouble_of(words) is Trouble.UNREACHABLE:
        return InfrastructureError(f"the build could not begin: {words}")
    return UserWorkFailed(f"{place} failed: {words}")


def _without_base_image(place: str, words: str) -> KontinuousError:
    match trouble_of(words):
        case Trouble.MISSING | Trouble.REFUSED:
            return InputError(f"{place} names an image that is not there, or needs a login: {words}")
        case Trouble.UNREACHABLE:
            return InfrastructureError(f"{place} needs an image whose registry cannot be reached: {words}")
        case Trouble.OTHER:
            return UserWorkFailed(f"{place} failed: {words}")


def _short(step: str) -> str:
    line = " ".join(step.split())
    # Without the engine's total, in which it counts the labels that we add.
    line = re.sub(r"^Step (\d+)/\d+ : ", r"step \1, ", line) if line.startswith("Step ") else f"step {line}"
    return line if len(line) <= _LONGEST_STEP else line[: _LONGEST_STEP - 1] + "…"
