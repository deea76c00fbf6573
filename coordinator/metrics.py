"""What operators watch, in Prometheus' format: builds, and where the time of their stages goes."""

from itertools import pairwise

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from coordinator.waterfall import waterfall
from shared.clock import seconds_between
from shared.model import Attempt, Build

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800)


class Metrics:
    """The figures of this coordinator: of each build, by the one that recorded its end. Thread-safe."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._builds = Counter("kontinuous_builds", "Builds that ended", ["status"], registry=self._registry)
        self._build_seconds = self._histogram("kontinuous_build_seconds", "A build from its start to its end")
        self._steps = self._histogram(
            "kontinuous_stage_step_seconds", "One step of a stage's attempt", ["type", "step"]
        )
        self._next_job = self._histogram(
            "kontinuous_next_job_seconds", "From a stage's report of success until the next stage's Job is accepted"
        )

    def build_ended(self, build: Build) -> None:
        """Take in a build whose end was recorded just now."""
        self._builds.labels(build.status.value).inc()
        self._build_seconds.observe(seconds_between(build.created_at, build.finished_at) or 0.0)
        for stage in build.stages:
            for attempt in stage.current:
                for span in waterfall(attempt):
                    self._steps.labels(stage.spec.type, span.name).observe(span.seconds)
        for seconds in next_job_seconds(build):
            self._next_job.observe(seconds)

    def text(self) -> bytes:
        """All figures as Prometheus reads them."""
        return generate_latest(self._registry)

    def _histogram(self, name: str, meaning: str, labels: "list[str] | tuple[()]" = ()) -> Histogram:
        return Histogram(name, meaning, labels, buckets=_SECONDS, registry=self._registry)


def next_job_seconds(build: Build) -> list[float]:
    """For each two stages that ran one after the other: from the first one's end until the second one's Job."""
    ran = [stage.current for stage in build.stages if stage.current]
    gaps = (_gap(before[-1], after[0]) for before, after in pairwise(ran))
    return [gap for gap in gaps if gap is not None]


def _gap(before: Attempt, after: Attempt) -> float | None:
    seconds = seconds_between(before.finished_at, after.launched_at)
    return None if seconds is None else max(0.0, seconds)
