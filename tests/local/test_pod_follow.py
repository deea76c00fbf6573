"""Following a log begins and ends at the right moment, also when a container is quicker than we look."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

from local.log_follower import LogFollower
from local.pod_engine import EngineStream, PodEngine
from local.pod_names import PodNames
from local.pod_run import Pod
from local.pod_state import ContainerSight
from local.signals import Signals
from shared.ports import JobPhase, JobRef, JobState

REF = JobRef("ns", "job")
TIME = "2026-01-31T12:00:00.000000001Z"


class OneMessage:
    """An engine whose every log holds one message."""

    def log(self, name: str, follow: bool, since: str = "") -> EngineStream:
        payload = f"{TIME} done\n".encode()
        return cast(EngineStream, Stream([struct.pack(">BxxxL", 1, len(payload)) + payload]))


class Stream(list[bytes]):
    """An engine's stream."""

    def close(self) -> None:
        """Nothing is held."""


@dataclass
class QuickPod:
    """A pod whose only container has started and ended by the second time that somebody looks."""

    names: PodNames = field(default_factory=lambda: PodNames("i", REF))
    looks: Iterator[int] = field(default_factory=lambda: iter(range(100)))

    def look(self, name: str) -> ContainerSight:
        return ContainerSight("exited" if next(self.looks) else "created")

    def state(self) -> JobState:
        return JobState(REF, "", JobPhase.FINISHED if next(self.looks) else JobPhase.WAITING)


def test_the_log_of_a_container_that_was_over_at_once_is_read() -> None:
    follower = LogFollower(cast(PodEngine, OneMessage()), cast(Pod, QuickPod()), Signals())
    assert list(follower.chunks()) == [b"done\n"]


def test_a_closed_follower_reads_nothing() -> None:
    follower = LogFollower(cast(PodEngine, OneMessage()), cast(Pod, QuickPod()), Signals())
    follower.close()
    assert list(follower.chunks()) == []
