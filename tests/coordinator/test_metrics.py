"""The figures that operators watch."""

from dataclasses import replace

from coordinator.metrics import Metrics, next_job_seconds
from shared.clock import timestamp
from shared.status import Status
from tests.coordinator.samples import build, seconds_later, with_attempt


def test_a_build_that_ended_is_counted_with_the_steps_of_its_stages() -> None:
    ended = {"status": Status.SUCCESS, "finished_at": timestamp(seconds_later(2)), "timings": {"running": 0.5}}
    made = with_attempt(with_attempt(build(), "build", **ended), "unit-test", **ended)
    metrics = Metrics()
    metrics.build_ended(replace(made, finished_at=timestamp(seconds_later(3))))
    text = metrics.text().decode()
    assert 'kontinuous_builds_total{status="SUCCESS"} 1.0' in text
    assert "kontinuous_build_seconds_sum 3.0" in text
    assert 'kontinuous_stage_step_seconds_sum{step="started",type="docker_build"} 1.5' in text
    assert 'kontinuous_stage_step_seconds_count{step="claimed",type="command"} 1.0' in text
    assert "kontinuous_next_job_seconds_count 1.0" in text
    assert "process_resident_memory_bytes" in text


def test_the_time_to_the_next_job_counts_from_the_last_report() -> None:
    first = with_attempt(build(), "build", finished_at=timestamp(seconds_later(2)))
    assert next_job_seconds(first) == []
    both = with_attempt(first, "unit-test", launched_at=timestamp(seconds_later(2.05)))
    assert next_job_seconds(both) == [0.05]
