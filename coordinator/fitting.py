"""Keeping a build small enough for etcd: what stages report may be long, and there may be many of them. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from shared.codec import encode
from shared.json_value import Json
from shared.model import Attempt, Build

MAX_BUILD_BYTES = 512 * 1024
MAX_NEW_BUILD_BYTES = 256 * 1024
"""So large may a build be before its first attempt; the rest is for what its stages report."""

NEEDED_RESULTS = ("image", "images")
"""What other stages and users need of a result; all else, such as the list of artifacts, may be dropped."""
MAX_NEEDED_BYTES = 4096
MAX_REASON = 500
TRIMMED = "the stage's result was too long to be kept whole with the build"


def fit(build: Build) -> Build:
    """The build, with the longest results, warnings and timings cut short where it would be over MAX_BUILD_BYTES."""
    excess = len(encode(build)) - MAX_BUILD_BYTES
    if excess <= 0:
        return build
    sizes = {attempt.job: len(encode(attempt)) for stage in build.stages for attempt in stage.attempts}
    cut: set[str] = set()
    for job in sorted(sizes, key=lambda job: (-sizes[job], job)):
        if excess <= 0:
            break
        cut.add(job)
        excess -= sizes[job] - MAX_NEEDED_BYTES
    return _with_cut(build, cut)


def _with_cut(build: Build, jobs: set[str]) -> Build:
    stages = (
        replace(stage, attempts=tuple(_cut(attempt) if attempt.job in jobs else attempt for attempt in stage.attempts))
        for stage in build.stages
    )
    return replace(build, stages=tuple(stages))


def _cut(attempt: Attempt) -> Attempt:
    result = _needed(attempt.result)
    return replace(attempt, result=result, warnings=(TRIMMED,), timings={}, reason=attempt.reason[:MAX_REASON])


def _needed(result: Mapping[str, Json]) -> dict[str, Json]:
    found = {name: result[name] for name in NEEDED_RESULTS if name in result}
    return found if len(encode(found)) <= MAX_NEEDED_BYTES else {}
