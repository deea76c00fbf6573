"""What a Job on Kubernetes can die of, at the launcher: the reason, whether it may heal, and the sentence for a person.

The Jobs are launched together, and each test waits for its own. `test_causes` has those that whole builds die of.
"""

import base64
import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from threading import Thread
from typing import Any

import pytest
from kubernetes import config
from kubernetes.client import Configuration

from coordinator.kube import KubeLauncher
from coordinator.kube_api import KubeApi
from coordinator.verdict import Limits, Sight, judge
from shared.clock import timestamp, utc_now
from shared.errors import InfrastructureError, InputError
from shared.keys import CREDENTIALS, LABEL_MANAGED
from shared.model import COMMAND, Attempt, StageSpec
from shared.ports import JobPhase, JobRef, JobState
from shared.status import Fault, Status
from tests.cluster.cluster import Cluster
from tests.contract.job_runner import JobRunner, job_manifest, secret_manifest

SHOWN_S = 45
"""A kubelet looks at disk usage every 10 s; all else is shown sooner."""

Space = dict[str, str]


@dataclass(frozen=True)
class Cause:
    """A Job that cannot do well: where, its container, its pod; and what must be told of it."""

    reason: str
    text: str
    phase: JobPhase
    permanent: bool
    fault: Fault
    space: str = "plain"
    container: Mapping[str, Any] = field(default_factory=dict)
    pod: Mapping[str, Any] = field(default_factory=dict)
    script: str = "sleep 600"


WAITING, FINISHED = JobPhase.WAITING, JobPhase.FINISHED
INPUT, INFRASTRUCTURE, USER = Fault.INPUT, Fault.INFRASTRUCTURE, Fault.USER
TOO_MUCH = "dd if=/dev/zero of={} bs=1M count=50; exec sleep 600"

CAUSES = {
    "no registry": Cause(
        "RegistryUnavailable", "connection refused", WAITING, False, INFRASTRUCTURE,
        container={"image": "localhost:1/no/such:1"},
    ),
    "no registry of that name": Cause(
        "RegistryUnavailable", "registry.invalid", WAITING, False, INFRASTRUCTURE,
        container={"image": "registry.invalid/no/such:1"},
    ),
    "not to be pulled": Cause(
        "ErrImageNeverPull", "may not be pulled", WAITING, True, INPUT,
        container={"image": "kontinuous.test/no/such:1", "imagePullPolicy": "Never"},
    ),
    "runs as root": Cause(
        "CreateContainerConfigError", "runAsNonRoot", WAITING, True, INFRASTRUCTURE,
        container={"securityContext": {"runAsNonRoot": True}},
    ),
    "no room": Cause(
        "Unschedulable", "Insufficient cpu", WAITING, False, INFRASTRUCTURE,
        container={"resources": {"requests": {"cpu": "1000"}}},
    ),
    "no own secret": Cause(
        "FailedMount", "the build's own Secret 'nobody-made-me'", WAITING, False, INFRASTRUCTURE,
        container={"volumeMounts": [{"name": "own", "mountPath": CREDENTIALS}]},
        pod={"volumes": [{"name": "own", "secret": {"secretName": "nobody-made-me"}}]},
    ),
    "no service account": Cause(
        "ServiceAccountNotFound", "nobody-made-me", WAITING, False, INFRASTRUCTURE,
        pod={"serviceAccountName": "nobody-made-me"},
    ),
    "quota": Cause("QuotaExceeded", "the namespace's quota is used up", WAITING, False, INFRASTRUCTURE, "full"),
    "pod security": Cause(
        "PodSecurityRefused", 'violates PodSecurity "restricted', WAITING, True, INPUT, "restricted"
    ),
    "limit range": Cause(
        "LimitRangeRefused", "maximum cpu usage per Container is 1", WAITING, True, INPUT, "limited",
        container={"resources": {"limits": {"cpu": "2"}}},
    ),
    "too much disk": Cause(
        "StorageExceeded", "exceeds the total limit of containers 10Mi", FINISHED, True, USER,
        container={"resources": {"limits": {"ephemeral-storage": "10Mi"}}}, script=TOO_MUCH.format("/file"),
    ),
    "out of memory": Cause(
        "OOMKilled", "'stage' ran out of memory", FINISHED, True, USER,
        container={"resources": {"limits": {"memory": "32Mi"}}}, script="sleep 1; tail /dev/zero",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def space(cluster: Cluster) -> Iterator[Space]:
    """Namespaces by what is special about them."""
    made = {kind: f"causes-{kind}-{secrets.token_hex(3)}" for kind in ("plain", "full", "restricted", "limited")}
    for name in made.values():
        cluster.kubectl("create", "namespace", name)
    cluster.kubectl("label", "namespace", made["restricted"], "pod-security.kubernetes.io/enforce=restricted")
    cluster.kubectl("create", "quota", "none", "--hard=pods=0", "-n", made["full"])
    limits = {"limits": [{"type": "Container", "max": {"cpu": "1"}}]}
    document = {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "small"}, "spec": limits}
    cluster.kubectl("apply", "-n", made["limited"], "-f", "-", input=json.dumps(document))
    yield made
    cluster.kubectl("delete", "namespace", *made.values(), "--wait=false")


@pytest.fixture(scope="module")
def launcher(cluster: Cluster, space: Space) -> Iterator[KubeLauncher]:
    configuration = Configuration()
    config.load_kube_config(str(cluster.kubeconfig), client_configuration=configuration)
    with closing(KubeLauncher(space.values(), KubeApi(configuration))) as launcher:
        yield launcher


@pytest.fixture(scope="module")
def runner(launcher: KubeLauncher, space: Space, python_image: str) -> JobRunner:
    return JobRunner(launcher, space["plain"], python_image)


@pytest.fixture(scope="module")
def launched(runner: JobRunner, space: Space) -> Mapping[str, JobRef]:
    """The Jobs of all causes by name, under way."""
    refs = {}
    for name, cause in CAUSES.items():
        namespace, job_name = space[cause.space], runner.new_name()
        stage = runner.stage(cause.script, **cause.container)
        runner.launcher.launch(job_manifest(job_name, namespace, [stage], **cause.pod), [])
        refs[name] = JobRef(namespace, job_name)
    return refs


@pytest.mark.parametrize("name", CAUSES)
def test_a_cause_is_told(runner: JobRunner, launched: Mapping[str, JobRef], name: str) -> None:
    cause = CAUSES[name]
    state = runner.wait(launched[name], lambda state: state.reason == cause.reason, SHOWN_S)
    if cause.phase is FINISHED:
        state = runner.wait(launched[name], lambda state: state.phase is FINISHED, SHOWN_S)
    assert (state.phase, state.reason, state.permanent) == (cause.phase, cause.reason, cause.permanent)
    assert cause.text in state.message
    assert_verdict(state, cause)


def assert_verdict(state: JobState, cause: Cause) -> None:
    """What is permanent fails the attempt at once, all else is what it waits for and fails it after the limit."""
    attempt = Attempt(1, state.ref.name, created_at=timestamp(), launched_at=timestamp())
    spec, limits = StageSpec("Test", COMMAND), Limits()
    now = utc_now()
    found = judge(spec, attempt, Sight(None, state, None, False, now), limits).attempt
    if not cause.permanent:
        assert (found.status, found.waiting_for) == (Status.PENDING, state.message)
        late = Sight(None, state, None, False, now.replace(year=now.year + 1))
        found = judge(spec, attempt, late, limits).attempt
    assert (found.status, found.fault) == (Status.FAIL, cause.fault)
    assert cause.text in found.reason or cause.reason == "OOMKilled"


def test_a_pod_that_is_deleted_while_it_runs(runner: JobRunner, cluster: Cluster) -> None:
    ref = runner.launch(runner.stage("trap 'sleep 3; exit 130' TERM; echo ready; while :; do sleep 0.1; done"))
    runner.wait_until_ready(ref)
    cluster.kubectl("delete", "pod", "-n", ref.namespace, "-l", f"job-name={ref.name}", "--wait=false")
    state = runner.wait(ref, lambda state: state.reason == "PodDeleted", SHOWN_S)
    assert (state.phase, state.permanent) == (JobPhase.RUNNING, False)  # it may say itself how it was stopped
    state = runner.wait(ref, lambda state: state.phase is FINISHED, SHOWN_S)
    assert (state.reason, state.permanent, state.ends["stage"].exit_code) == ("PodDeleted", True, 130)


def test_a_pod_that_is_deleted_by_force(runner: JobRunner, cluster: Cluster) -> None:
    ref = runner.launch(runner.stage("echo ready; exec sleep 600"))
    runner.wait_until_ready(ref)
    force = ("--force", "--grace-period=0", "--wait=false")
    cluster.kubectl("delete", "pod", "-n", ref.namespace, "-l", f"job-name={ref.name}", *force)
    state = runner.wait(ref, lambda state: state.phase is FINISHED, SHOWN_S)
    assert (state.reason, state.permanent) == ("PodDeleted", True)


def test_a_job_that_is_deleted_while_it_runs_is_gone(runner: JobRunner, cluster: Cluster) -> None:
    ref = runner.launch(runner.stage("echo ready; exec sleep 600"))
    runner.wait_until_ready(ref)
    remover = Thread(target=cluster.kubectl, args=("delete", "job", ref.name, "-n", ref.namespace, "--wait=false"))

    def is_gone(state: JobState) -> bool:
        if remover.ident is None:
            remover.start()
        return state.phase is JobPhase.GONE

    runner.wait(ref, is_gone, SHOWN_S)
    remover.join()


def test_a_namespace_that_is_not_there_is_an_input_error(runner: JobRunner) -> None:
    job = job_manifest(runner.new_name(), "nobody-made-me", [runner.stage("true")])
    with pytest.raises(InputError, match="there is no namespace 'nobody-made-me'"):
        runner.launcher.launch(job, [])


def test_a_manifest_that_kubernetes_refuses_is_an_input_error(runner: JobRunner) -> None:
    job = runner.manifest(runner.stage("true", env=[{"name": "NO=NAME", "value": "1"}]))
    with pytest.raises(InputError, match="NO=NAME"):
        runner.launcher.launch(job, [])


def test_a_job_of_somebody_else_is_not_taken_for_ours(runner: JobRunner, cluster: Cluster) -> None:
    name = runner.new_name()
    job = job_manifest(name, runner.namespace, [runner.stage("true")])
    job["metadata"]["labels"] = {LABEL_MANAGED: "somebody-else"}
    cluster.kubectl("create", "-f", "-", input=json.dumps(job))
    with pytest.raises(InfrastructureError, match=f"'{name}' .* is not kontinuous' own"):
        runner.launcher.launch(job_manifest(name, runner.namespace, [runner.stage("true")]), [])


def test_a_secret_that_was_there_already_is_no_hindrance_and_is_released(runner: JobRunner, cluster: Cluster) -> None:
    secret = secret_manifest(runner.new_name(), runner.namespace, {"a": "1"})
    cluster.kubectl("create", "-f", "-", input=json.dumps(secret))
    name = secret["metadata"]["name"]
    for _ in range(2):
        runner.launch(runner.stage("true"), secrets=[secret])
    for _ in range(2):
        runner.launcher.release(runner.namespace, name)
    assert name not in cluster.kubectl("get", "secrets", "-n", runner.namespace, "-o", "name")
    runner.launch(runner.stage("true"), secrets=[secret])
    kept = json.loads(cluster.kubectl("get", "secret", name, "-n", runner.namespace, "-o", "json"))
    assert base64.b64decode(kept["data"]["a"]) == b"1"


@pytest.fixture
def powerless(cluster: Cluster, space: Space) -> Iterator[KubeLauncher]:
    """A launcher that may do all it needs in one namespace, and nothing in the other."""
    granted = ("-n", space["plain"])
    cluster.kubectl("create", "serviceaccount", "launcher", *granted)
    for resource, verbs in {"jobs": "create,delete,list,watch", "pods": "list,watch", "secrets": "create"}.items():
        cluster.kubectl("create", "role", resource, f"--verb={verbs}", f"--resource={resource}", *granted)
        account = f"--serviceaccount={space['plain']}:launcher"
        cluster.kubectl("create", "rolebinding", resource, f"--role={resource}", account, *granted)
    configuration = Configuration()
    config.load_kube_config(str(cluster.kubeconfig), client_configuration=configuration)
    token = cluster.kubectl("create", "token", "launcher", *granted).strip()
    configuration.api_key = {"BearerToken": f"Bearer {token}"}
    configuration.cert_file = configuration.key_file = None
    with closing(KubeLauncher([space["plain"], space["full"]], KubeApi(configuration))) as launcher:
        yield launcher


def test_a_namespace_without_rights_is_told_and_does_not_stop_the_others(
    powerless: KubeLauncher, space: Space, python_image: str
) -> None:
    with pytest.raises(InfrastructureError, match=f"'{space['full']}'.*Role.*deploy/pipeline-namespace"):
        JobRunner(powerless, space["full"], python_image).launch()
    runner = JobRunner(powerless, space["plain"], python_image)
    ref = runner.launch(runner.stage("true"))
    assert runner.wait(ref, lambda state: state.phase is FINISHED).reason == ""
    assert ref in {state.ref for state in powerless.jobs()}
