"""A pod's containers are read rightly also where the engine is late to tell."""

from typing import Any, cast

import pytest

from local.pod_engine import PodEngine
from local.pod_names import PodNames
from local.pod_plan import ContainerRecord, PodRecord
from local.pod_run import Pod
from shared.ports import ContainerEnd, JobRef

REF = JobRef("ns", "job")
RECORD = PodRecord("ns", "job", "/key", (ContainerRecord("user"),))


class LateEngine:
    """An engine that heard of the lack of memory only after the container's end: its flag stays unset."""

    def __init__(self, memory: int, tells: bool) -> None:
        self._memory = memory
        self._tells = tells
        self.asked: list[tuple[str, float]] = []

    def inspect(self, name: str) -> dict[str, Any]:
        ended = {
            "Status": "exited",
            "ExitCode": 137,
            "OOMKilled": False,
            "FinishedAt": "2026-01-31T12:00:00.123456789Z",
        }
        return {"Id": "abc", "State": ended, "HostConfig": {"Memory": self._memory}}

    def ran_out_of_memory(self, container_id: str, ended_at: float, wait_s: float) -> bool:
        self.asked.append((container_id, ended_at))
        return self._tells


def pod(engine: LateEngine) -> Pod:
    return Pod(cast(PodEngine, engine), PodNames("i", REF), RECORD, lambda ref: None)


@pytest.mark.parametrize(("tells", "reason"), [(True, "OOMKilled"), (False, "Error")])
def test_a_killed_container_with_a_memory_limit_is_asked_about_once(tells: bool, reason: str) -> None:
    engine = LateEngine(memory=1, tells=tells)
    killed = pod(engine)
    for _ in range(2):
        sight = killed.look("user")
        assert sight is not None
        assert sight.end == ContainerEnd(137, reason)
    assert engine.asked == [("abc", 1769860800.0)]


def test_without_a_memory_limit_nobody_is_asked() -> None:
    engine = LateEngine(memory=0, tells=True)
    sight = pod(engine).look("user")
    assert sight is not None
    assert sight.end == ContainerEnd(137, "Error")
    assert engine.asked == []
