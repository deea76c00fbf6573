"""What is known of Jobs on Kubernetes, from watches and lists that overtake each other."""

from collections.abc import Callable
from datetime import timedelta
from queue import Empty
from typing import Any

import pytest

from coordinator import kube_jobs
from coordinator.kube_jobs import KubeJobs
from coordinator.kube_objects import slim
from shared.ports import JobPhase, JobRef
from tests.coordinator.kube_samples import (
    AT_NOON,
    BUILD_KEY,
    CREATING,
    NAMESPACE,
    OWN_SECRET,
    RUNNING,
    at,
    condition,
    ended,
    event,
    job,
    pod,
)

REF = JobRef(NAMESPACE, "hello-3-test-1")
DONE = ended(0, "Completed")


@pytest.fixture
def jobs() -> KubeJobs:
    return KubeJobs()


def phase(jobs: KubeJobs) -> JobPhase | None:
    state = jobs.state(REF)
    return state.phase if state else None


def test_a_job_and_its_pod_make_a_state(jobs: KubeJobs) -> None:
    jobs.put_job(job())
    assert phase(jobs) is JobPhase.WAITING
    jobs.put_pod(pod(RUNNING))
    state = jobs.state(REF)
    assert state is not None
    assert (state.ref, state.build_key, state.phase) == (REF, BUILD_KEY, JobPhase.RUNNING)
    jobs.drop_job(job())
    assert jobs.refs() == ()


def test_a_pod_may_arrive_before_its_job(jobs: KubeJobs) -> None:
    jobs.put_pod(pod(RUNNING))
    assert jobs.refs() == ()
    jobs.put_job(job())
    assert phase(jobs) is JobPhase.RUNNING


def test_a_pod_of_nobody_or_of_another_job_of_the_name_is_passed_over(jobs: KubeJobs) -> None:
    jobs.put_job(job())
    stranger = pod(RUNNING)
    stranger["metadata"]["ownerReferences"] = []
    jobs.put_pod(stranger)
    stranger["metadata"]["ownerReferences"] = [{"kind": "Job", "name": REF.name, "uid": "another"}]
    jobs.put_pod(stranger)
    assert phase(jobs) is JobPhase.WAITING


def test_what_is_older_than_what_is_known_is_passed_over(jobs: KubeJobs) -> None:
    jobs.put_job(job("hello-3-test-1", condition("Failed", reason="DeadlineExceeded"), version=120))
    jobs.put_job(job(version=110))
    jobs.put_pod(pod(DONE, version=220))
    jobs.put_pod(pod(RUNNING, version=210))
    state = jobs.state(REF)
    assert state is not None
    assert (state.phase, state.reason) == (JobPhase.FINISHED, "DeadlineExceeded")


def test_the_newer_of_two_pods_counts(jobs: KubeJobs) -> None:
    jobs.put_job(job())
    jobs.put_pod(pod(RUNNING, suffix="new", created_at=9, version=300))
    jobs.put_pod(pod(DONE, suffix="old", created_at=3, version=310))
    assert phase(jobs) is JobPhase.RUNNING


def test_how_a_pod_that_is_no_more_ended_is_remembered(jobs: KubeJobs) -> None:
    jobs.put_job(job())
    jobs.put_pod(pod(DONE, deleted_at=5), missing=True)
    state = jobs.state(REF)
    assert state is not None
    assert (state.phase, set(state.ends)) == (JobPhase.FINISHED, {"stage"})


def test_a_list_takes_away_what_it_lacks(jobs: KubeJobs) -> None:
    jobs.put_job(job())
    jobs.put_job(job("other", version=101))
    jobs.put_pod(pod(RUNNING))
    jobs.replace_pods(NAMESPACE, [], version=205)
    assert phase(jobs) is JobPhase.FINISHED
    jobs.replace_jobs(NAMESPACE, [job("other", version=101)], version=205)
    assert jobs.refs() == (JobRef(NAMESPACE, "other"),)


def test_a_list_leaves_alone_what_is_newer_than_it_and_other_namespaces(jobs: KubeJobs) -> None:
    """A Job is launched while all are listed for a resync: it would be a failed attempt if it counted as vanished."""
    jobs.put_job(job(version=150))
    jobs.put_pod(pod(RUNNING, version=160))
    jobs.replace_jobs(NAMESPACE, [], version=149)
    jobs.replace_pods(NAMESPACE, [], version=149)
    jobs.replace_jobs("elsewhere", [], version=999)
    jobs.replace_pods("elsewhere", [], version=999)
    assert phase(jobs) is JobPhase.RUNNING


def test_a_list_that_is_late_does_not_bring_back_what_is_gone(jobs: KubeJobs) -> None:
    jobs.put_job(job())
    jobs.drop_job(job(version=170))
    jobs.replace_jobs(NAMESPACE, [job()], version=165)
    jobs.put_pod(pod(RUNNING))
    assert jobs.refs() == ()


def test_who_subscribes_is_told_what_changes(jobs: KubeJobs) -> None:
    with jobs.changes() as changed:
        jobs.put_job(job())
        jobs.put_pod(pod(CREATING))
        jobs.put_pod(pod(CREATING))  # nothing new
        jobs.put_events(REF, [event("FailedMount", "x")], explained=False)
        jobs.drop_job(job())
        assert [changed.get_nowait() for _ in range(4)] == [REF] * 4
        with pytest.raises(Empty):
            changed.get_nowait()
    jobs.put_job(job("other"))
    assert changed.empty()


def test_events_of_one_pod_say_nothing_of_the_next(jobs: KubeJobs) -> None:
    jobs.put_job(job())
    jobs.put_pod(pod(CREATING))
    jobs.put_events(REF, [event("FailedMount", "old", 3), event("FailedMount", "new", 4)], explained=True)
    state, seen = jobs.state(REF), jobs.seen(REF)
    assert state is not None
    assert seen is not None
    assert ("new" in state.message, seen.explained) == (True, True)
    jobs.put_pod(pod(CREATING, suffix="next", created_at=9))
    seen = jobs.seen(REF)
    assert seen is not None
    assert (seen.events, seen.explained) == ((), False)


@pytest.mark.parametrize(
    ("late_s", "seen_at"),
    [(0.25, "2026-01-31T12:00:01.250Z"), (90, "2026-01-31T12:00:01.999Z"), (-5, "2026-01-31T12:00:01.000Z")],
    ids=["within the second", "long after", "another clock"],
)
def test_times_are_as_fine_as_kubernetes_whole_seconds_allow(
    jobs: KubeJobs, monkeypatch: pytest.MonkeyPatch, late_s: float, seen_at: str
) -> None:
    monkeypatch.setattr(kube_jobs, "utc_now", lambda: AT_NOON + timedelta(seconds=1 + late_s))
    jobs.put_job(job())
    jobs.put_pod(pod(CREATING, conditions=[condition("PodScheduled")]))
    jobs.put_pod(pod(RUNNING, conditions=[condition("PodScheduled")], version=201))
    state = jobs.state(REF)
    assert state is not None
    assert state.scheduled_at == seen_at
    assert state.containers_started_at[:19] == at(2)[:19]


@pytest.mark.parametrize(
    "states", [(RUNNING, CREATING), (), ({"terminated": {"exitCode": 128, "startedAt": "1970-01-01T00:00:00Z"}},)]
)
def test_a_pod_has_not_started_before_all_its_containers_have(jobs: KubeJobs, states: tuple[Any, ...]) -> None:
    jobs.put_job(job())
    jobs.put_pod(pod(*states))
    state = jobs.state(REF)
    assert state is not None
    assert state.containers_started_at == ""


@pytest.mark.parametrize("made", [job, lambda: pod(RUNNING, RUNNING)])
def test_what_is_kept_is_a_part_of_what_came(made: Callable[[], dict[str, Any]]) -> None:
    kept = slim(made())
    assert "managedFields" not in kept["metadata"]
    assert "labels" not in kept["metadata"]
    assert slim(kept) == {**kept, "spec": {**kept["spec"], "ownSecrets": []}}


def test_our_own_secret_is_known_by_where_it_is_mounted() -> None:
    assert slim(pod(RUNNING))["spec"]["ownSecrets"] == [OWN_SECRET]
