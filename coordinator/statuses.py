"""What GitHub should show of a build, against what it is known to show. Pure.

Each stage reports its own status; the coordinator posts that of the build as a whole, and of the stages what they could
not: those that died without a word, were skipped or cancelled, that GitHub refused, and all of a fork's. Of several
builds of one commit the newest wins, context by context.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from coordinator.outbox import OutboxRecord
from shared.github_status import CONTEXT, RUNNING, TAKEN, CommitStatus, State, of_status, stage_context
from shared.model import LEFT_OUT, Build, Stage
from shared.status import Fault, Status


@dataclass(frozen=True, slots=True)
class Shown:
    """What GitHub shows in one context, as far as is known, and the build that it belongs to.

    `refused` is GitHub's word where it will never take this status. `overruled` names the attempts of older builds'
    stages that spoke in between: each was answered by posting this status again.
    """

    build: int
    state: State
    description: str
    refused: str = ""
    overruled: tuple[str, ...] = ()

    @property
    def status(self) -> CommitStatus:
        """The status itself."""
        return CommitStatus(self.state, self.description)

    def as_refused(self, why: str) -> "Shown":
        """The same, when GitHub will never take it."""
        return replace(self, refused=why)


@dataclass(frozen=True, slots=True)
class CommitRecord(OutboxRecord):
    """What is known of one commit's statuses: one value in etcd. `contexts` maps each context to what it shows."""

    contexts: Mapping[str, Shown] = field(default_factory=dict)

    def showing(self, context: str, shown: Shown) -> "CommitRecord":
        """The record with one context changed."""
        return replace(self, contexts={**self.contexts, context: shown})

    def without(self, build: int) -> "CommitRecord":
        """The record when a build and those before it are forgotten."""
        contexts = {context: shown for context, shown in self.contexts.items() if shown.build > build}
        settled = {number: revision for number, revision in self.settled.items() if int(number) > build}
        return replace(self, contexts=contexts, settled=settled)


@dataclass(frozen=True, slots=True)
class Post:
    """A status to post, and what the context shows then; it may be a newer build's than the one that was looked at."""

    context: str
    shown: Shown


def desired(build: Build) -> dict[str, CommitStatus]:
    """What GitHub should show of a build, by context.

    Of a stage that runs, it is the stage that says so, but for a fork's: that has no token.
    """
    statuses = {CONTEXT: _overall(build)}
    for stage in build.stages:
        if stage.status.finished and stage.skipped not in LEFT_OUT:
            statuses[stage_context(stage.id)] = _of_stage(build, stage)
        elif stage.status is Status.RUNNING and build.fork:
            statuses[stage_context(stage.id)] = RUNNING
    return statuses


def words(build: Build) -> dict[str, tuple[str, str]]:
    """By context, which attempt has spoken there at its end, as "build/attempt", and whether GitHub took it."""
    last = {stage_context(stage.id): stage.current[-1] for stage in _ended(build)}
    return {context: (f"{build.number}/{attempt.number}", attempt.github) for context, attempt in last.items()}


def outstanding(build: Build, record: CommitRecord) -> tuple[Post, ...]:
    """What is to be posted for a build, given what is known of its commit; first what somebody died over."""
    return tuple(sorted(_posts(build, record), key=lambda post: post.context != record.posting))


def adopted(build: Build, record: CommitRecord) -> CommitRecord:
    """The record with what the build's stages have said themselves.

    A stage's word counts only where it is surely the newest in its context: where we posted none, nor died over one.
    """
    statuses = desired(build)
    for context in (context for context, (_, github) in words(build).items() if github == TAKEN):
        if context not in record.contexts and context != record.posting:
            status = statuses[context]
            record = record.showing(context, Shown(build.number, status.state, status.description))
    return record


def _overall(build: Build) -> CommitStatus:
    if not build.finished:
        return RUNNING
    fault = next((s.current[-1].fault for s in build.stages if s.status is Status.FAIL), None)
    return of_status(build.status, fault, build.reason)


def _of_stage(build: Build, stage: Stage) -> CommitStatus:
    match stage.status:
        case Status.SKIPPED:
            return of_status(stage.status, None, stage.skipped)
        case Status.CANCELLED:
            return of_status(stage.status, None, build.cancel_requested)
        case _:
            last = stage.current[-1]
            return of_status(stage.status, last.fault or Fault.INFRASTRUCTURE, last.reason)


def _ended(build: Build) -> Iterator[Stage]:
    """The stages that have said something, at least that they run, and have ended."""
    return (
        stage
        for stage in build.stages
        if stage.status.finished and not stage.skipped and stage.current and stage.current[-1].started_at
    )


def _posts(build: Build, record: CommitRecord) -> Iterator[Post]:
    said = words(build)
    for context, status in desired(build).items():
        shown, (word, _) = record.contexts.get(context), said.get(context, ("", ""))
        if shown is not None and shown.build > build.number:
            if word and word not in shown.overruled:
                yield Post(context, replace(shown, overruled=(*shown.overruled, word)))
        elif shown is None or (shown.build, shown.status) != (build.number, status):
            yield Post(context, Shown(build.number, status.state, status.description))
