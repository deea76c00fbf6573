"""Statuses: their names, which may follow which, and how stages roll up into a build."""

from collections.abc import Iterable
from enum import StrEnum


class Status(StrEnum):
    """What an attempt, a stage or a build is at. The values are what the API, the CLI and etcd carry."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCESS = "SUCCESS"
    FAIL = "FAIL"
    CANCELLED = "CANCELLED"
    SKIPPED = "SKIPPED"

    @property
    def finished(self) -> bool:
        """True for the statuses that nothing may change any more."""
        return self in FINISHED


class ReportStatus(StrEnum):
    """What a stage says of its own attempt; INTERRUPTED means it was told to stop before its end."""

    RUNNING = "RUNNING"
    SUCCESS = "SUCCESS"
    FAIL = "FAIL"
    INTERRUPTED = "INTERRUPTED"

    @property
    def final(self) -> bool:
        """True when the stage has said its last word."""
        return self is not ReportStatus.RUNNING


class Fault(StrEnum):
    """Who is to blame for a FAIL: the user's work, the user's input, or the infrastructure."""

    USER = "user"
    INPUT = "input"
    INFRASTRUCTURE = "infrastructure"


FINISHED = frozenset({Status.SUCCESS, Status.FAIL, Status.CANCELLED, Status.SKIPPED})

TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.PENDING: frozenset({Status.RUNNING, *FINISHED}),
    Status.RUNNING: FINISHED - {Status.SKIPPED},
    **{status: frozenset() for status in FINISHED},
}

_ROLL_UP = (Status.FAIL, Status.CANCELLED, Status.RUNNING, Status.PENDING)


def may_become(old: Status, new: Status) -> bool:
    """Say whether an attempt may go from `old` to `new`; staying the same is always allowed."""
    return old is new or new in TRANSITIONS[old]


def roll_up(stages: Iterable[Status]) -> Status:
    """Fold the statuses of a build's stages into the build's own, the worst news first.

    A build that has begun and is not finished is RUNNING, also between two stages. Stages that were
    SKIPPED because they were not asked for do not count; a build of only such stages is a SUCCESS.
    """
    seen = set(stages) - {Status.SKIPPED}
    if not seen:
        return Status.SUCCESS
    begun = seen & {Status.RUNNING, Status.SUCCESS} and not seen & {Status.FAIL, Status.CANCELLED}
    if Status.PENDING in seen and begun:
        return Status.RUNNING
    return next((status for status in _ROLL_UP if status in seen), Status.SUCCESS)
