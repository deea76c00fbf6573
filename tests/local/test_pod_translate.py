"""A Job manifest becomes the bodies of Docker's API, whole; what cannot be kept is refused by name."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.pod_plan import ContainerRecord, PodRecord, SecretItem, SecretVolume
from local.pod_support import UnsupportedManifest
from local.pod_translate import Place, translate
from local.variable_references import expand, expand_environment
from tests.contract.job_runner import BUILD_KEY, job_manifest

PLACE = Place("1a2b3c4d", "kontinuous-1a2b3c4d", cpus=2)
STEM = "kontinuous-1a2b3c4d-hello-3-test-1"
LABELS = {
    "kontinuous.io/instance": "1a2b3c4d",
    "kontinuous.io/job-namespace": "acaleph",
    "kontinuous.io/job-name": "hello-3-test-1",
}
LOGS = {"Type": "local", "Config": {"max-size": "1g", "max-file": "1", "compress": "false"}}

STAGE = {
    "name": "stage",
    "image": "kontinuous/command:1",
    "imagePullPolicy": "IfNotPresent",
    "env": [{"name": "KONTINUOUS_BUILD", "value": "3"}],
    "securityContext": {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    },
    "resources": {},
    "lifecycle": {"postStart": {"exec": {"command": ["/bin/prepare", "$(NOT_EXPANDED)"]}}},
    "volumeMounts": [
        {"name": "tmp", "mountPath": "/tmp"},
        {"name": "handoff", "mountPath": "/kontinuous/handoff"},
        {"name": "credentials", "mountPath": "/kontinuous/credentials", "readOnly": True},
        {"name": "engine", "mountPath": "/var/run/docker.sock"},
    ],
}
USER = {
    "name": "user",
    "image": "localhost:5000/local/ab12/hello@sha256:" + "0" * 64,
    "command": ["/kontinuous/handoff/busybox", "sh"],
    "args": ["make", "$(TARGET)"],
    "env": [{"name": "TARGET", "value": "test"}],
    "workingDir": "/workspace",
    "resources": {
        "limits": {"memory": "512Mi", "cpu": "1500m", "ephemeral-storage": "1Gi"},
        "requests": {"cpu": "100m"},
    },
    "volumeMounts": [{"name": "handoff", "mountPath": "/kontinuous/handoff"}],
}
VOLUMES = [
    {"name": "tmp", "emptyDir": {}},
    {"name": "handoff", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}},
    {"name": "credentials", "secret": {"secretName": "hello-3", "items": [{"key": "a", "path": "b/c", "mode": 256}]}},
    {"name": "engine", "hostPath": {"path": "/run/x/docker.sock", "type": "Socket"}},
]


def manifest() -> dict[str, Any]:
    job = job_manifest(
        "hello-3-test-1",
        "acaleph",
        [STAGE, USER],
        volumes=VOLUMES,
        securityContext={"supplementalGroups": [999]},
        terminationGracePeriodSeconds=25,
        activeDeadlineSeconds=3600,
    )
    return copy.deepcopy(job)


def volume_mount(name: str, target: str, read_only: bool = False, **options: Any) -> dict[str, Any]:
    options = {"NoCopy": True, "Labels": LABELS, **options}
    return {
        "Type": "volume",
        "Source": f"{STEM}.volume.{name}",
        "Target": target,
        "ReadOnly": read_only,
        "VolumeOptions": options,
    }


TMPFS = {"Name": "local", "Options": {"type": "tmpfs", "device": "tmpfs", "o": "size=16777216,mode=1777"}}


def test_the_first_container_joins_the_network() -> None:
    assert translate(manifest(), PLACE, 1000.0).containers[0].body == {
        "Hostname": "hello-3-test-1",
        "Image": "kontinuous/command:1",
        "Env": ["KONTINUOUS_BUILD=3"],
        "User": "65532:65532",
        "StopTimeout": 25,
        "Healthcheck": {"Test": ["NONE"]},
        "Labels": {"app.kubernetes.io/managed-by": "kontinuous", **LABELS, "kontinuous.io/container": "stage"},
        "HostConfig": {
            "NetworkMode": "kontinuous-1a2b3c4d",
            "LogConfig": LOGS,
            "ReadonlyRootfs": True,
            "CapAdd": [],
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges"],
            "GroupAdd": ["999"],
            "Mounts": [
                volume_mount("tmp", "/tmp"),
                volume_mount("handoff", "/kontinuous/handoff", DriverConfig=TMPFS),
                volume_mount("credentials", "/kontinuous/credentials", read_only=True),
                {"Type": "bind", "Source": "/run/x/docker.sock", "Target": "/var/run/docker.sock", "ReadOnly": False},
            ],
        },
    }


def test_the_others_share_its_network_and_get_nothing_but_what_the_manifest_says() -> None:
    assert translate(manifest(), PLACE, 1000.0).containers[1].body == {
        "Image": USER["image"],
        "Env": ["TARGET=test"],
        "Entrypoint": ["/kontinuous/handoff/busybox", "sh"],
        "Cmd": ["make", "test"],
        "WorkingDir": "/workspace",
        "StopTimeout": 25,
        "Healthcheck": {"Test": ["NONE"]},
        "Labels": {"app.kubernetes.io/managed-by": "kontinuous", **LABELS, "kontinuous.io/container": "user"},
        "HostConfig": {
            "NetworkMode": f"container:{STEM}-stage",
            "LogConfig": LOGS,
            "ReadonlyRootfs": False,
            "CapAdd": [],
            "CapDrop": [],
            "SecurityOpt": [],
            "GroupAdd": ["999"],
            "Memory": 536870912,
            "MemorySwap": 536870912,
            "NanoCpus": 1500000000,
            "Mounts": [volume_mount("handoff", "/kontinuous/handoff", DriverConfig=TMPFS)],
        },
    }


def test_the_record_holds_what_a_later_launcher_needs() -> None:
    assert translate(manifest(), PLACE, 1000.0).record == PodRecord(
        namespace="acaleph",
        name="hello-3-test-1",
        build_key=BUILD_KEY,
        containers=(ContainerRecord("stage", ("/bin/prepare", "$(NOT_EXPANDED)")), ContainerRecord("user")),
        grace_s=25,
        limit_s=3600,
        ends_at=4600.0,
    )


def test_folders_and_secrets_are_listed_for_filling() -> None:
    plan = translate(manifest(), PLACE, 0)
    assert plan.folders == (f"{STEM}.volume.tmp",)
    items = (SecretItem("a", "b/c", 0o400),)
    assert plan.secrets == (SecretVolume(f"{STEM}.volume.credentials", "hello-3", False, 0o644, items),)


def test_the_manifest_is_left_as_it_is() -> None:
    job = manifest()
    translate(job, PLACE, 0)
    assert job == manifest()


def change(job: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Set the field at a dotted path below the pod's spec."""
    *parents, last = path.split(".")
    node: Any = job["spec"]["template"]["spec"]
    for key in parents:
        node = node[int(key)] if key.isdigit() else node.setdefault(key, {})
    node[int(last) if last.isdigit() else last] = value
    return job


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("hostNetwork", True, "spec.template.spec.hostNetwork"),
        ("initContainers", [], "spec.template.spec.initContainers"),
        ("restartPolicy", "Always", "spec.template.spec.restartPolicy: 'Always'"),
        ("automountServiceAccountToken", True, "automountServiceAccountToken: True"),
        ("securityContext.fsGroup", 1, "spec.template.spec.securityContext.fsGroup"),
        ("containers.1.tty", True, r"spec.template.spec.containers\[1\].tty"),
        ("containers.0.securityContext.privileged", True, r"containers\[0\].securityContext.privileged: True"),
        ("containers.0.securityContext.seccompProfile.type", "Unconfined", "seccompProfile.type: 'Unconfined'"),
        ("containers.0.env.0", {"name": "A", "valueFrom": {}}, r"containers\[0\].env\[0\].valueFrom"),
        ("containers.0.volumeMounts.0.subPath", "x", r"volumeMounts\[0\].subPath"),
        ("containers.0.lifecycle.preStop", {}, "lifecycle.preStop"),
        ("containers.1.resources.limits.nvidia.com/gpu", 1, "limits.nvidia"),
        ("volumes.0.configMap", {}, r"volumes\[0\].configMap"),
        ("volumes.3.hostPath.type", "Directory", "hostPath.type: 'Directory'"),
        ("containers", {}, "spec.template.spec.containers"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(path: str, value: Any, named: str) -> None:
    with pytest.raises(UnsupportedManifest, match=named):
        translate(change(manifest(), path, value), PLACE, 0)


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("containers.0.securityContext.runAsUser", 0, "runAsNonRoot"),
        ("containers.1.securityContext.runAsGroup", 7, "runAsGroup needs a runAsUser"),
        ("containers.1.resources.limits.memory", "much", "'much' is not a quantity"),
        ("containers.0.volumeMounts.0.name", "none", "'none' that spec.volumes lacks"),
        ("volumes.0.emptyDir.sizeLimit", "1Gi", "'tmp' has a sizeLimit"),
        ("volumes.2.secret.items.0.path", "../x", r"'\.\./x' leaves its volume"),
        ("volumes.2.secret", {}, "secretName"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(path: str, value: Any, named: str) -> None:
    with pytest.raises(UnsupportedManifest, match=named):
        translate(change(manifest(), path, value), PLACE, 0)


def test_a_name_that_is_no_dns_label_is_refused() -> None:
    job = manifest()
    job["metadata"]["name"] = "a.b"
    with pytest.raises(UnsupportedManifest, match=r"'a\.b' is not a DNS label"):
        translate(job, PLACE, 0)


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("a", "Always"),
        ("a:latest", "Always"),
        ("h:5000/a", "Always"),
        ("a:1", "IfNotPresent"),
        ("h:5000/a@sha256:0", "IfNotPresent"),
    ],
)
def test_without_a_pull_policy_kubernetes_default_counts(image: str, policy: str) -> None:
    job = change(manifest(), "containers.1.image", image)
    assert translate(job, PLACE, 0).containers[1].pull == policy


def test_more_cpus_than_there_are_are_cut_down() -> None:
    job = change(manifest(), "containers.1.resources.limits.cpu", "64")
    assert translate(job, PLACE, 0).containers[1].body["HostConfig"]["NanoCpus"] == 2 * 10**9


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$(A)", "1"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$(NONE) $( A) $() $A $", "$(NONE) $( A) $() $A $"),
        ("$(A", "$(A"),
        ("$(A)$(B)", "1$(A)"),
    ],
)
def test_references_are_expanded_as_kubernetes_does(text: str, expanded: str) -> None:
    assert expand(text, {"A": "1", "B": "$(A)"}) == expanded


@given(st.text())
def test_a_text_with_its_dollars_doubled_arrives_as_it_is(text: str) -> None:
    assert expand(text.replace("$", "$$"), {"A": "1"}) == text


def test_a_variable_may_refer_to_those_before_it() -> None:
    env = [{"name": "A", "value": "1"}, {"name": "B", "value": "$(A)$(C)"}, {"name": "C"}]
    assert expand_environment(env) == {"A": "1", "B": "1$(C)", "C": ""}
