"""Where the time of an attempt went."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from coordinator.waterfall import SPANS, Span, waterfall
from shared.clock import timestamp
from shared.model import Attempt
from tests.coordinator.samples import NOW


def at(seconds: float) -> str:
    return timestamp(NOW + timedelta(seconds=seconds))


WHOLE = Attempt(
    1,
    "job",
    created_at=at(0),
    launched_at=at(0.02),
    scheduled_at=at(0.05),
    finished_at=at(1.5),
    timings={"running": 0.2, "workspace": 0.3, "executed": 0.6, "archived": 0.9},
)


def test_a_whole_attempt_has_every_span() -> None:
    assert waterfall(WHOLE) == (
        Span("queued", 0.02, 0.02),
        Span("scheduled", 0.05, 0.03),
        Span("started", 0.6, 0.55),
        Span("claimed", 0.8, 0.2),
        Span("cloned", 0.9, 0.1),
        Span("worked", 1.2, 0.3),
        Span("uploaded", 1.5, 0.3),
        Span("reported", 1.5, 0.0),
    )


def test_an_attempt_that_has_not_ended_has_what_is_known() -> None:
    waiting = replace(WHOLE, finished_at="", timings={})
    assert [span.name for span in waterfall(waiting)] == ["queued", "scheduled"]
    assert waterfall(Attempt(1, "job")) == ()


def test_an_attempt_that_died_without_a_word_has_no_marks_of_its_own() -> None:
    assert [span.name for span in waterfall(replace(WHOLE, timings={}))] == ["queued", "scheduled"]


@given(
    offsets=st.lists(st.floats(-5, 5), min_size=3, max_size=3),
    marks=st.dictionaries(st.sampled_from(["running", "workspace", "executed", "archived", "built"]), st.floats(0, 5)),
)
def test_spans_follow_each_other_whatever_the_clocks_say(offsets: list[float], marks: dict[str, float]) -> None:
    launched, scheduled, finished = map(at, offsets)
    attempt = replace(WHOLE, launched_at=launched, scheduled_at=scheduled, finished_at=finished, timings=marks)
    spans = waterfall(attempt)
    assert all(span.seconds >= 0 for span in spans)
    assert [span.end_s for span in spans] == sorted(span.end_s for span in spans)
    assert [span.name for span in spans] == [name for name in SPANS if name in {span.name for span in spans}]
    assert abs(sum(span.seconds for span in spans) - max((span.end_s for span in spans), default=0.0)) < 0.01
