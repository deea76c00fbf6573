"""Who is to be told what of a build, against what is known to have been told. Pure.

Each entry of `notif` is told of the start and of the end of each run of a build, in this order, each once.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from coordinator.outbox import OutboxRecord
from shared.codec import encode
from shared.model import Build, Notification, NotificationProblem
from shared.status import Status

MAX_PROBLEM = 300


class Event(StrEnum):
    """What is told of a build."""

    START = "start"
    SUCCESS = "success"
    FAILURE = "failure"
    CANCELLED = "cancelled"


_ENDS = {Status.SUCCESS: Event.SUCCESS, Status.FAIL: Event.FAILURE, Status.CANCELLED: Event.CANCELLED}


@dataclass(frozen=True, slots=True)
class NotificationRecord(OutboxRecord):
    """What is known of one build's notifications: one value in etcd.

    `done` maps the name of each notice that is over to "", or to why it was given up; `troubles` those that are not, to
    what stood in the way last.
    """

    done: Mapping[str, str] = field(default_factory=dict)
    troubles: Mapping[str, str] = field(default_factory=dict)

    def with_done(self, name: str, problem: str = "") -> "NotificationRecord":
        """The record when a notice was sent, or given up."""
        left = {each: trouble for each, trouble in self.troubles.items() if each != name}
        return replace(self, done={**self.done, name: problem[:MAX_PROBLEM]}, troubles=left)

    def with_trouble(self, name: str, problem: str) -> "NotificationRecord":
        """The record when a notice could not be sent now."""
        return replace(self, troubles={**self.troubles, name: problem[:MAX_PROBLEM]})


@dataclass(frozen=True, slots=True)
class Notice:
    """One message to one entry of `notif`: of its event in one run of a build. `since` is when that came to pass, ""
    where that is not known."""

    index: int
    run: int
    event: Event
    since: str

    @property
    def name(self) -> str:
        """What it is called in the record: the same for whatever end."""
        return f"{self.run}/{self.index}/{'start' if self.event is Event.START else 'end'}"


def due(build: Build, record: NotificationRecord) -> tuple[Notice, ...]:
    """What is to be told now: of each entry of `notif` the first notice that is not over."""
    firsts: dict[int, Notice] = {}
    for notice in _notices(build):
        if notice.name not in record.done:
            firsts.setdefault(notice.index, notice)
    return tuple(firsts.values())


def problems(build: Build, record: NotificationRecord) -> tuple[NotificationProblem, ...]:
    """What the build is to show of those that were not sent."""
    told = {**record.troubles, **record.done}
    return tuple(
        NotificationProblem(build.pipeline.notif[n.index].type, n.event.value, problem, n.name in record.done)
        for n in _notices(build)
        if (problem := told.get(n.name))
    )


def recipient(build: Build, notice: Notice) -> str:
    """A name for whom a notice goes to, the same for all builds that say so with the same words."""
    notification = build.pipeline.notif[notice.index]
    return hashlib.sha256(build.pipeline.namespace.encode() + b"/" + encode(notification)).hexdigest()


def notification_of(build: Build, notice: Notice) -> Notification:
    """The entry of `notif` that a notice is for."""
    return build.pipeline.notif[notice.index]


def _notices(build: Build) -> Iterator[Notice]:
    for index in range(len(build.pipeline.notif)):
        yield Notice(index, build.run, Event.START, _began_at(build))
        if build.finished:
            yield Notice(index, build.run, _ENDS[build.status], build.finished_at)


def _began_at(build: Build) -> str:
    return build.resumptions[-1].at if build.resumptions else build.created_at
