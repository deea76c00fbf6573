"""What a notification says of a build, in no service's form: a title, facts, the last lines of what failed. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from coordinator.links import build_url
from coordinator.notices import Event, Notice
from shared.clock import seconds_between
from shared.errors import InputError
from shared.model import Build, Stage
from shared.status import Status
from shared.terminal_text import clean

LOG_LINES = 10
LONGEST_LINE = 200
LONGEST_FACT = 300
_WORDS = {
    Event.START: "started",
    Event.SUCCESS: "succeeded",
    Event.FAILURE: "failed",
    Event.CANCELLED: "was cancelled",
}


@dataclass(frozen=True, slots=True)
class Announcement:
    """One message. All but `link` may hold text of whoever wrote the commit: each is one line without control
    characters, and a Notifier escapes what its service would take for links or mentions."""

    event: Event
    title: str
    link: str
    facts: tuple[tuple[str, str], ...]
    log: tuple[str, ...] = ()


class Undeliverable(InputError):
    """A message will never be taken: it is not tried again."""


class Notifier(Protocol):
    """Sends announcements to one kind of service."""

    def send(self, announcement: Announcement, metadata: Mapping[str, str]) -> None:
        """Send it to where `metadata` says. Returns within a minute; no error names the address, which is a secret.

        Raises Undeliverable, RateLimited, and other KontinuousErrors for what may work later.
        """


def announcement(build: Build, notice: Notice, kontinuous_url: str, log: Iterable[str] = ()) -> Announcement:
    """What to say of an event of a build; `log` are the last lines of the stage that failed."""
    return Announcement(
        notice.event,
        _line(f"{build.pipeline.name} {build.number} {_WORDS[notice.event]}{_took(build, notice.event)}"),
        build_url(kontinuous_url, build.repository, build.number),
        tuple((name, _line(value)) for name, value in _facts(build, notice.event) if value),
        tuple(_line(line, LONGEST_LINE) for line in log)[-LOG_LINES:],
    )


def failed_stage(build: Build) -> Stage | None:
    """The stage that a build failed with, or None."""
    return next((stage for stage in build.stages if stage.status is Status.FAIL), None)


def fitting_lines(lines: Sequence[str], room: int) -> list[str]:
    """As many of the last lines as fit into `room` characters, line ends included."""
    kept: list[str] = []
    for line in reversed(lines):
        room -= len(line) + 1
        if room < 0:
            break
        kept.insert(0, line)
    return kept


def _facts(build: Build, event: Event) -> Iterable[tuple[str, str]]:
    commit = build.commit
    yield "Repository", str(build.repository)
    yield "Branch", commit.branch
    yield "Commit", f"{commit.sha[:10]} {commit.message.strip().partition(chr(10))[0]}"
    yield "Author", commit.author.partition(" <")[0]
    yield (
        "Started by",
        f"{build.trigger.actor} ({build.trigger.source})" if build.trigger.actor else build.trigger.source,
    )
    if event is Event.CANCELLED:
        yield "Reason", build.cancel_requested
    elif event is Event.FAILURE and (stage := failed_stage(build)) is not None:
        yield "Stage", stage.spec.name
        yield "Reason", stage.current[-1].reason or "no reason is known"


def _took(build: Build, event: Event) -> str:
    took_s = seconds_between(build.created_at, build.finished_at) if build.run == 1 else None
    return f" after {took_s:.0f} s" if took_s is not None and event is not Event.START else ""


def _line(text: str, longest: int = LONGEST_FACT) -> str:
    line = clean(text.expandtabs(4).replace("\n", " "))
    return line if len(line) <= longest else line[: longest - 1] + "…"
