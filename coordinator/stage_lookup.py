"""Finding a stage of a build, and one of its attempts, by what a caller names them. Pure."""

from shared.errors import NotFound
from shared.model import Build, Stage


def find_stage(build: Build, stage_id: str) -> Stage:
    """A build's stage by id or name; raises NotFound that lists the stages there are."""
    for stage in build.stages:
        if stage_id in (stage.id, stage.spec.name):
            return stage
    names = ", ".join(stage.id for stage in build.stages)
    raise NotFound(f"build {build.number} of {build.repository} has no stage {stage_id!r}; it has {names}")


def find_attempt(build: Build, stage: Stage, number: int | None) -> int:
    """The number of an attempt: the one asked for, or else the newest, 0 before the first. Raises NotFound."""
    if number is None:
        return len(stage.attempts)
    if number not in (attempt.number for attempt in stage.attempts):
        raise NotFound(
            f"stage {stage.id!r} of build {build.number} has no attempt {number}; it has {len(stage.attempts)}"
        )
    return number
