"""Resuming: a finished build runs again from one of its stages on, as new attempts. Pure."""

from dataclasses import replace

from coordinator.stage_lookup import find_stage
from shared.errors import Conflict
from shared.model import LEFT_OUT, NOT_FOR_FORKS, Build, Resumption, Stage
from shared.status import Status


def with_resumed(build: Build, stage_id: str, actor: str, now: str) -> Build:
    """The build, unfinished again: the stage and all after it will run, those before it stay as they are; and that
    `actor` resumed it.

    Raises Conflict where the build has not ended, or where a stage before that one did not succeed; NotFound for a
    stage that it does not have.
    """
    index = build.stages.index(find_stage(build, stage_id))
    if build.removing:
        raise Conflict(f"build {build.number} of {build.repository} is being removed")
    if not build.finished:
        raise Conflict(f"build {build.number} of {build.repository} still runs: cancel it first, or wait for its end")
    if build.stages[index].skipped == NOT_FOR_FORKS:
        raise Conflict(f"stage {build.stages[index].spec.name!r} cannot run: {NOT_FOR_FORKS}")
    for stage in build.stages[:index]:
        if not _stands(stage):
            raise Conflict(f"stage {stage.spec.name!r} comes first and did not succeed: resume from that one")
    chosen = _reopened(build.stages[index])
    after = (stage if stage.skipped in LEFT_OUT else _reopened(stage) for stage in build.stages[index + 1 :])
    return replace(
        build,
        stages=(*build.stages[:index], chosen, *after),
        run=build.run + 1,
        resumptions=(*build.resumptions, Resumption(build.run + 1, build.stages[index].id, actor, now)),
        finished_at="",
        cancel_requested="",
        reason="",
    )


def _stands(stage: Stage) -> bool:
    return stage.status is Status.SUCCESS or stage.skipped in LEFT_OUT


def _reopened(stage: Stage) -> Stage:
    return replace(stage, earlier=len(stage.attempts), skipped="", cancelled=False)
