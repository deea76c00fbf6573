"""Where the time of an attempt went: its times and its stage's own marks as spans, one after another. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from shared.clock import seconds_between
from shared.model import Attempt

QUEUED = "queued"
SCHEDULED = "scheduled"
STARTED = "started"
CLAIMED = "claimed"
CLONED = "cloned"
WORKED = "worked"
UPLOADED = "uploaded"
REPORTED = "reported"
SPANS = (QUEUED, SCHEDULED, STARTED, CLAIMED, CLONED, WORKED, UPLOADED, REPORTED)
"""Until the Job was accepted; its pod had a node; the stage's process ran; it had reported RUNNING; the commit was
there; the work was done; log and artifacts were in S3; the stage had reported its end."""

_MARKS = ((CLAIMED, "running"), (CLONED, "workspace"), (WORKED, "executed"), (UPLOADED, "archived"))


@dataclass(frozen=True, slots=True)
class Span:
    """One step of an attempt: when it ended, and how long it took, in seconds after the attempt was decided on."""

    name: str
    end_s: float
    seconds: float


def waterfall(attempt: Attempt) -> tuple[Span, ...]:
    """The spans of an attempt that are known, in the order of SPANS; none overlap, also where clocks differ."""
    spans = []
    last = 0.0
    for name, end_s in _ends(attempt):
        end_s = round(max(last, end_s), 3)
        spans.append(Span(name, end_s, round(end_s - last, 3)))
        last = end_s
    return tuple(spans)


def _ends(attempt: Attempt) -> Iterator[tuple[str, float]]:
    """When each step ended, as its own clock says. The stage's marks count from when its process began."""
    for name, moment in ((QUEUED, attempt.launched_at), (SCHEDULED, attempt.scheduled_at)):
        seconds = seconds_between(attempt.created_at, moment)
        if seconds is not None:
            yield name, seconds
    ended = seconds_between(attempt.created_at, attempt.finished_at)
    if ended is None or not attempt.timings:
        return
    began = ended - max(attempt.timings.values())  # the last mark is made just before the end is reported
    yield STARTED, began
    for name, mark in _MARKS:
        if mark in attempt.timings:
            yield name, began + attempt.timings[mark]
    yield REPORTED, ended
