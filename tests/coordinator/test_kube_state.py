"""What a Job on Kubernetes is at: each cause in Kubernetes' words, and the sentence that a person gets."""

from datetime import UTC, datetime
from typing import Any

import pytest

from coordinator.kube_objects import slim
from coordinator.kube_state import Seen, job_state, needs_events
from shared.ports import ContainerEnd, JobPhase, JobRef, JobState
from tests.coordinator.kube_samples import (
    BUILD_KEY,
    CREATING,
    NAMESPACE,
    OWN_SECRET,
    RUNNING,
    condition,
    ended,
    event,
    job,
    pod,
    waiting,
)

NOW = datetime(2026, 1, 31, 12, 0, 30, tzinfo=UTC)
DONE = ended(0, "Completed")
READY = condition("ContainersReady"), condition("Ready")
PULLED = 'failed to pull and unpack image "quay.io/acme/shop:1": failed to resolve reference "quay.io/acme/shop:1": '
MARKED = condition("ContainersReady"), condition("Ready", "False")


def seen(
    of_pod: dict[str, Any] | None = None,
    *events: dict[str, Any],
    of_job: dict[str, Any] | None = None,
    explained: bool = True,
    missing: bool = False,
) -> Seen:
    made = slim(of_job or job())
    the_pod = slim(of_pod) if of_pod else None
    ref = JobRef(NAMESPACE, made["metadata"]["name"])
    return Seen(ref, BUILD_KEY, made, the_pod, events, explained=explained, pod_missing=missing)


def state(*args: Any, now: datetime = NOW, **changes: Any) -> JobState:
    return job_state(seen(*args, **changes), now)


def told(found: JobState) -> tuple[JobPhase, str, bool]:
    return found.phase, found.reason, found.permanent


@pytest.mark.parametrize(
    ("of_pod", "phase"),
    [
        (None, JobPhase.WAITING),
        (pod(), JobPhase.WAITING),
        (pod(CREATING, CREATING), JobPhase.WAITING),
        (pod(RUNNING, CREATING), JobPhase.WAITING),
        (pod(RUNNING, RUNNING, conditions=READY), JobPhase.RUNNING),
        (pod(DONE, RUNNING), JobPhase.RUNNING),
        (pod(DONE, DONE), JobPhase.FINISHED),
    ],
)
def test_a_job_goes_its_way_without_a_reason(of_pod: dict[str, Any] | None, phase: JobPhase) -> None:
    assert told(state(of_pod)) == (phase, "", False)


def test_how_each_container_ended_is_told() -> None:
    found = state(pod(ended(130, "Error"), ended(137, "OOMKilled")))
    assert found.ends == {"stage": ContainerEnd(130, "Error"), "user": ContainerEnd(137, "OOMKilled")}
    assert (found.phase, found.build_key) == (JobPhase.FINISHED, BUILD_KEY)


def test_a_container_that_ended_well_has_completed_though_a_child_was_killed() -> None:
    assert state(pod(ended(0, "OOMKilled"))).ends == {"stage": ContainerEnd(0, "Completed")}


IMAGES = [
    ("InvalidImageName", "couldn't parse image name: invalid reference format", "InvalidImageName", True),
    ("ErrImagePull", f"{PULLED}quay.io/acme/shop:1: not found", "ErrImagePull", True),
    ("ImagePullBackOff", f"Back-off pulling image: ErrImagePull: {PULLED}not found", "ErrImagePull", True),
    ("ErrImagePull", f"{PULLED}pull access denied, repository does not exist", "ErrImagePull", True),
    ("ErrImagePull", f"{PULLED}failed with status code [manifests 1]: 401 Unauthorized", "ErrImagePull", True),
    ("ErrImagePull", "reading manifest 1 in quay.io/acme/shop: manifest unknown", "ErrImagePull", True),
    ("ErrImagePull", f"{PULLED}dial tcp: lookup quay.io on 1.1.1.1:53: no such host", "RegistryUnavailable", False),
    ("ErrImagePull", f"{PULLED}dial tcp 1.2.3.4:443: connect: connection refused", "RegistryUnavailable", False),
    ("ErrImagePull", f"{PULLED}429 Too Many Requests - toomanyrequests", "RegistryUnavailable", False),
    ("ErrImagePull", f"{PULLED}unexpected status code 503 Service Unavailable", "RegistryUnavailable", False),
    ("ErrImagePull", "tls: failed to verify certificate: x509: unknown authority", "RegistryUnavailable", False),
    ("ImagePullBackOff", 'Back-off pulling image "quay.io/acme/shop:1"', "ImagePullBackOff", False),
    ("ErrImageNeverPull", "Container image is not present with pull policy of Never", "ErrImageNeverPull", True),
    ("ImageInspectError", "Failed to inspect image", "ImageInspectError", False),
]


@pytest.mark.parametrize(("reason", "message", "expected", "permanent"), IMAGES)
def test_an_image_that_cannot_be_had(reason: str, message: str, expected: str, permanent: bool) -> None:
    """The stage's container runs already: a node sees to one image after the other."""
    found = state(pod(RUNNING, waiting(reason, f"rpc error: code = Unknown desc = {message}")))
    assert told(found) == (JobPhase.WAITING, expected, permanent)
    assert "'quay.io/acme/shop:1'" in found.message
    assert "rpc error" not in found.message


def test_an_images_name_is_not_taken_for_the_registrys_words() -> None:
    image = "quay.io/acme/timeout:1"
    message = f'failed to resolve reference "{image}": {image}: not found'
    assert told(state(pod(waiting("ErrImagePull", message), image=image)))[1:] == ("ErrImagePull", True)


def test_an_image_of_a_stage_type_is_the_operators() -> None:
    assert "setting STAGE_IMAGES" in state(pod(waiting("ErrImagePull", "not found"))).message
    assert "STAGE_IMAGES" not in state(pod(CREATING, waiting("ErrImagePull", "not found"))).message


@pytest.mark.parametrize(
    ("reason", "message", "expected", "permanent"),
    [
        ("CreateContainerConfigError", 'secret "quay" not found', "SecretNotFound", True),
        ("CreateContainerConfigError", "container has runAsNonRoot and image will run as root", None, True),
        ("CreateContainerConfigError", "failed to sync configmap cache: timed out", None, False),
        ("CreateContainerError", "context deadline exceeded", None, False),
        ("RunContainerError", "failed to start container", None, False),
    ],
)
def test_a_container_that_cannot_be_made(reason: str, message: str, expected: str | None, permanent: bool) -> None:
    found = state(pod(CREATING, waiting(reason, message)))
    assert told(found) == (JobPhase.WAITING, expected or reason, permanent)
    assert expected or message in found.message


UNMOUNTED = 'MountVolume.SetUp failed for volume "secret-0" : '


@pytest.mark.parametrize(
    ("message", "reason", "permanent", "text"),
    [
        (f'{UNMOUNTED}secret "quay" not found', "SecretNotFound", True, "no Secret 'quay' in the namespace 'builds'"),
        (f"{UNMOUNTED}references non-existent secret key: user", "SecretNotFound", True, "lacks the key 'user'"),
        (f'{UNMOUNTED}secret "{OWN_SECRET}" not found', "FailedMount", False, "the build's own Secret"),
        (f"{UNMOUNTED}failed to sync secret cache: timed out", "FailedMount", False, "failed to sync"),
    ],
)
def test_a_volume_that_cannot_be_mounted(message: str, reason: str, permanent: bool, text: str) -> None:
    found = state(pod(CREATING), event("FailedMount", message))
    assert told(found) == (JobPhase.WAITING, reason, permanent)
    assert text in found.message
    assert told(state(pod(RUNNING), event("FailedMount", message)))[1] == ""  # it is over


REFUSED = 'Error creating: pods "hello-3-test-1-" is forbidden: '


@pytest.mark.parametrize(
    ("message", "reason", "permanent"),
    [
        (f"{REFUSED}exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1", "QuotaExceeded", False),
        (f"{REFUSED}failed quota: q: must specify limits.cpu for: stage", "QuotaExceeded", False),
        (f'{REFUSED}violates PodSecurity "restricted:latest": runAsNonRoot != true', "PodSecurityRefused", True),
        (f"{REFUSED}maximum cpu usage per Container is 1, but limit is 2", "LimitRangeRefused", True),
        (f'{REFUSED}error looking up service account builds/default: serviceaccount "default" not found',
         "ServiceAccountNotFound", False),
        ('Error creating: admission webhook "policy.example" denied the request: no', "AdmissionDenied", True),
        ('Error creating: failed calling webhook "policy.example": timed out', "FailedCreate", False),
    ],
)  # fmt: skip
def test_a_pod_that_is_not_let_in(message: str, reason: str, permanent: bool) -> None:
    found = state(None, event("FailedCreate", message))
    assert told(found) == (JobPhase.WAITING, reason, permanent)
    assert message in found.message


def test_the_newest_of_several_events_counts() -> None:
    older, newer = event("FailedCreate", f"{REFUSED}x"), event("FailedCreate", f"{REFUSED}exceeded quota: q")
    assert state(None, newer, older).reason == "QuotaExceeded"


def test_a_pod_that_no_node_takes() -> None:
    no_room = condition("PodScheduled", "False", "Unschedulable", "0/1 nodes are available: 1 Insufficient cpu.")
    found = state(pod(conditions=[no_room]))
    assert told(found) == (JobPhase.WAITING, "Unschedulable", False)
    assert "Insufficient cpu" in found.message
    held = condition("PodScheduled", "False", "SchedulingGated", "Scheduling is blocked")
    assert told(state(pod(conditions=[held]))) == (JobPhase.WAITING, "", False)


def test_a_sandbox_that_cannot_be_made() -> None:
    found = state(pod(CREATING), event("FailedCreatePodSandBox", "plugin type=bridge failed"))
    assert told(found) == (JobPhase.WAITING, "FailedCreatePodSandBox", False)


def test_a_container_that_could_not_be_started() -> None:
    found = state(pod(RUNNING, ended(128, "StartError", "exec: /no/such: no such file")))
    assert told(found) == (JobPhase.RUNNING, "StartError", True)
    assert "'user' could not be started: exec: /no/such" in found.message


def test_a_failed_hook_explains_more_than_what_it_led_to() -> None:
    hook = event("FailedPostStartHook", "PostStartHook failed")
    found = state(pod(ended(130, "Error"), ended(128, "StartError", "no busybox")), hook)
    assert told(found) == (JobPhase.FINISHED, "FailedPostStartHook", True)
    assert told(state(pod(RUNNING, CREATING), hook)) == (JobPhase.WAITING, "FailedPostStartHook", False)


def test_who_ended_badly_without_a_reason_is_running_until_its_events_were_asked_for() -> None:
    failed = pod(ended(130, "Error"))
    assert needs_events(seen(failed, explained=False), NOW)
    assert state(failed, explained=False).phase is JobPhase.RUNNING
    assert state(failed, explained=True).phase is JobPhase.FINISHED
    assert state(pod(DONE), explained=False).phase is JobPhase.FINISHED


@pytest.mark.parametrize("of_pod", [None, pod(), pod(CREATING), pod(waiting("CreateContainerError", "busy"))])
def test_who_waits_is_asked_about(of_pod: dict[str, Any] | None) -> None:
    assert needs_events(seen(of_pod), NOW)


def test_who_runs_or_waits_in_vain_is_not_asked_about() -> None:
    assert not needs_events(seen(pod(RUNNING)), NOW)
    assert not needs_events(seen(pod(waiting("InvalidImageName"))), NOW)


def test_the_stage_out_of_memory_is_told_and_of_the_user_the_stage_tells() -> None:
    assert told(state(pod(ended(137, "OOMKilled")))) == (JobPhase.FINISHED, "OOMKilled", True)
    assert told(state(pod(RUNNING, ended(137, "OOMKilled")))) == (JobPhase.RUNNING, "", False)


@pytest.mark.parametrize("kind", ["Failed", "FailureTarget"])
def test_the_deadline(kind: str) -> None:
    late = job("j", condition(kind, reason="DeadlineExceeded", message="Job was active longer"))
    stopping = pod(RUNNING, deleted_at=35, grace=25)
    assert told(state(stopping, of_job=late)) == (JobPhase.RUNNING, "DeadlineExceeded", False)
    stopped = pod(ended(130, "Error", second=12), deleted_at=35, grace=25)
    assert told(state(stopped, of_job=late)) == (JobPhase.FINISHED, "DeadlineExceeded", True)


def test_a_pod_that_is_stopped_at_its_deadline_was_not_deleted_by_hand() -> None:
    """The Job's controller deletes the pod before it says why."""
    stopping = pod(RUNNING, deleted_at=35, grace=25)  # asked for at 10 s
    assert state(stopping, of_job=job(activeDeadlineSeconds=10)).reason == "DeadlineExceeded"
    assert state(stopping, of_job=job(activeDeadlineSeconds=11)).reason == "PodDeleted"


def test_an_eviction_by_the_node() -> None:
    low = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. "
    found = state(pod(ended(137, "Error"), phase="Failed", reason="Evicted", message=low))
    assert told(found) == (JobPhase.FINISHED, "Evicted", True)
    assert found.message == low.strip()


@pytest.mark.parametrize(
    "message",
    [
        "Pod ephemeral local storage usage exceeds the total limit of containers 10Mi. ",
        'Usage of EmptyDir volume "tmp" exceeds the limit "10Mi". ',
        'Container user exceeded its local ephemeral storage limit "10Mi". ',
    ],
)
def test_an_eviction_for_using_too_much_disk_is_another_thing(message: str) -> None:
    disrupted = [condition("DisruptionTarget", reason="TerminationByKubelet", message=message)]
    evicted = pod(ended(137, "Error"), conditions=disrupted, phase="Failed", reason="Evicted", message=message)
    assert told(state(evicted)) == (JobPhase.FINISHED, "StorageExceeded", True)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("EvictionByEvictionAPI", "Evicted"),
        ("PreemptionByScheduler", "Preempted"),
        ("DeletionByTaintManager", "NodeLost"),
        ("SomethingNew", "Disrupted"),
    ],
)
def test_a_disruption_is_final_once_the_containers_have_ended(reason: str, expected: str) -> None:
    disrupted = [condition("DisruptionTarget", reason=reason, message="says why")]
    found = state(pod(RUNNING, conditions=disrupted, deleted_at=55, grace=25))
    assert told(found) == (JobPhase.RUNNING, expected, False)
    assert "says why" in found.message
    gone = pod(ended(130, "Error"), conditions=disrupted, deleted_at=55, grace=25)
    assert told(state(gone)) == (JobPhase.FINISHED, expected, True)


def test_a_pod_that_the_node_did_not_even_begin() -> None:
    found = state(pod(phase="Failed", reason="OutOfcpu", message="Node didn't have enough resource: cpu"))
    assert told(found) == (JobPhase.FINISHED, "OutOfcpu", True)


def test_a_node_that_does_not_answer_may_come_back() -> None:
    found = state(pod(RUNNING, RUNNING, conditions=MARKED))
    assert told(found) == (JobPhase.RUNNING, "NodeNotReady", False)
    assert "'node1'" in found.message
    assert told(state(pod(RUNNING, DONE, conditions=MARKED[1:])))[1] == ""  # unready because a container has ended


def test_a_node_that_does_not_answer_and_whose_pods_are_given_up_is_lost() -> None:
    taken = condition("DisruptionTarget", reason="DeletionByTaintManager", message="Taint manager: deleting")
    found = state(pod(RUNNING, RUNNING, conditions=[*MARKED, taken], deleted_at=55, grace=25))
    assert told(found) == (JobPhase.RUNNING, "NodeLost", True)


def test_a_pod_whose_node_is_gone() -> None:
    gone = condition("DisruptionTarget", reason="DeletionByPodGC", message="PodGC: node no longer exists")
    assert told(state(pod(RUNNING, conditions=[gone], phase="Failed"))) == (JobPhase.FINISHED, "NodeLost", True)


def test_a_pod_that_cannot_be_stopped_is_lost_after_a_while() -> None:
    stuck = pod(RUNNING, deleted_at=10, grace=5)
    cancelled = job("j", deleted_at=5)
    assert told(state(stuck, of_job=cancelled, now=NOW)) == (JobPhase.RUNNING, "JobDeleted", False)
    later = datetime(2026, 1, 31, 12, 1, 11, tzinfo=UTC)
    found = state(stuck, of_job=cancelled, now=later)
    assert told(found) == (JobPhase.FINISHED, "NodeLost", True)


@pytest.mark.parametrize("states", [(RUNNING, RUNNING), (CREATING, CREATING), ()])
def test_a_pod_that_somebody_deletes(states: tuple[Any, ...]) -> None:
    found = state(pod(*states, deleted_at=55, grace=25))
    assert (found.reason, found.permanent) == ("PodDeleted", False)
    assert told(state(pod(*states), missing=True)) == (JobPhase.FINISHED, "PodDeleted", True)


def test_a_pod_that_ended_before_it_was_deleted_ended_by_itself() -> None:
    assert told(state(pod(DONE, deleted_at=9), missing=True)) == (JobPhase.FINISHED, "", False)
    assert told(state(pod(DONE), missing=True)) == (JobPhase.FINISHED, "", False)
    assert told(state(pod(ended(130, "Error", second=9), deleted_at=30, grace=25)))[1] == "PodDeleted"


def test_a_job_that_was_deleted_while_its_pod_ran() -> None:
    deleted = job("j", deleted_at=8)
    found = state(pod(RUNNING, deleted_at=34, grace=25), of_job=deleted)
    assert told(found) == (JobPhase.RUNNING, "JobDeleted", False)
    assert told(state(None, of_job=deleted)) == (JobPhase.FINISHED, "JobDeleted", True)


def test_a_job_that_failed_and_whose_pod_nobody_saw_is_no_success() -> None:
    failed = job("j", condition("Failed", reason="BackoffLimitExceeded"))
    assert told(state(None, of_job=failed)) == (JobPhase.FINISHED, "PodDeleted", True)
    done = state(None, of_job=job("j", condition("Complete")))
    assert (told(done), done.ends) == ((JobPhase.FINISHED, "", False), {})
