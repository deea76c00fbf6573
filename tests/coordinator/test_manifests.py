"""The Jobs: for each stage type the whole manifest, compared with what it must be."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from coordinator.build_secret import credential_files, secret_manifest
from coordinator.manifests import (
    MAX_VARIABLE_BYTES,
    built_image,
    check_contexts,
    job_manifest,
    stage_context,
)
from coordinator.settings import Login, Settings
from local.variable_references import expand, expand_environment
from shared.codec import decode
from shared.errors import InputError
from shared.model import Attempt, Build, Repository, StageSpec
from shared.stage_contract import StageContext
from tests.coordinator.samples import BUILD, IMAGE, PUBLISH, SHA, TEST, build, settings, succeeded, with_attempt

BUILD_KEY = "/kontinuous/state/builds/local/ab12/hello/00000003"
SECRET = "hello-3-aca500f8"
SOCKET = "unix:///run/x/docker.sock"
ITEMS = [{"key": name, "path": name} for name in ("etcd-user", "etcd-password", "s3-access-key", "s3-secret-key")]
STRICT = {
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "runAsGroup": 65532,
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def manifest(made: Build, number: int, with_settings: Settings | None = None) -> dict[str, Any]:
    """The Job of the newest attempt of a build's stage."""
    stage = made.stages[number]
    chosen = with_settings or settings()
    return job_manifest(made, stage, stage.attempts[-1], chosen, credential_files(chosen))


def facts(stage: str, name: str, image: str) -> list[dict[str, str]]:
    values = {
        "KONTINUOUS_PIPELINE": "local/ab12/hello",
        "KONTINUOUS_PIPELINE_NAME": "hello",
        "KONTINUOUS_BUILD": "3",
        "KONTINUOUS_STAGE": stage,
        "KONTINUOUS_STAGE_NAME": name,
        "KONTINUOUS_ATTEMPT": "1",
        "KONTINUOUS_COMMIT": SHA,
        "KONTINUOUS_REF": "refs/heads/main",
        "KONTINUOUS_BRANCH": "main",
        "KONTINUOUS_NAMESPACE": "acaleph",
        "KONTINUOUS_URL": "http://127.0.0.1:3005",
        "KONTINUOUS_INTERNAL_REGISTRY": "internal-registry:5000",
        "KONTINUOUS_IMAGE": image,
        "KONTINUOUS_WORKSPACE": "/workspace",
    }
    return [{"name": key, "value": value} for key, value in values.items()]


def job(name: str, stage: str, pod: dict[str, Any], timeout_s: int = 3600, **labels: str) -> dict[str, Any]:
    meta = {
        "labels": {
            **labels,
            "app.kubernetes.io/managed-by": "kontinuous",
            "kontinuous.io/pipeline": "hello",
            "kontinuous.io/build": "3",
            "kontinuous.io/stage": stage,
            "kontinuous.io/attempt": "1",
        },
        "annotations": {"kontinuous.io/build-key": BUILD_KEY},
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": "acaleph", **meta},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": timeout_s,
            "ttlSecondsAfterFinished": 600,
            "template": {
                "metadata": meta,
                "spec": {
                    "restartPolicy": "Never",
                    "automountServiceAccountToken": False,
                    "enableServiceLinks": False,
                    "terminationGracePeriodSeconds": 25,
                    **pod,
                },
            },
        },
    }


def context_of(made: dict[str, Any]) -> StageContext:
    """The context as the stage's process gets it; the variable must be the first."""
    variable = made["spec"]["template"]["spec"]["containers"][0]["env"][0]
    assert variable["name"] == "KONTINUOUS_CONTEXT"
    return decode(StageContext, expand(variable["value"], {}))


def without_context(made: dict[str, Any]) -> dict[str, Any]:
    made["spec"]["template"]["spec"]["containers"][0]["env"].pop(0)
    return made


def test_the_whole_job_of_a_docker_build() -> None:
    made = with_attempt(build(replace(BUILD, timeout_s=60), TEST), "build")
    with_labels = replace(made, pipeline=replace(made.pipeline, labels={"app": "hello"}))
    stage = {
        "name": "stage",
        "image": "kontinuous/docker_build:1",
        "imagePullPolicy": "IfNotPresent",
        "env": facts("build", "Build", ""),
        "securityContext": STRICT,
        "resources": {},
        "volumeMounts": [
            {"name": "tmp", "mountPath": "/tmp"},
            {"name": "workspace", "mountPath": "/workspace"},
            {"name": "credentials", "mountPath": "/kontinuous/credentials", "readOnly": True},
            {"name": "engine", "mountPath": "/var/run/docker.sock"},
        ],
    }
    pod = {
        "securityContext": {"supplementalGroups": [999]},
        "containers": [stage],
        "volumes": [
            {"name": "tmp", "emptyDir": {}},
            {"name": "workspace", "emptyDir": {}},
            {"name": "credentials", "secret": {"secretName": SECRET, "items": ITEMS}},
            {"name": "engine", "hostPath": {"path": "/run/x/docker.sock", "type": "Socket"}},
        ],
    }
    with_socket = settings(docker_host=SOCKET, docker_socket_group=999)
    expected = job("hello-3-build-1-f9a53cce", "build", pod, timeout_s=60, app="hello")
    assert without_context(manifest(with_labels, 0, with_socket)) == expected


def test_the_whole_job_of_a_command() -> None:
    limits = {"limits": {"memory": "512Mi", "cpu": "1"}}
    spec = replace(TEST, secrets=("docker-credentials",), resources=limits)
    made = with_attempt(succeeded(build(BUILD, spec), "build", {"image": IMAGE}), "unit-test")
    busybox = "/usr/lib/kontinuous/busybox"
    prepare = [busybox, "timeout", "20", busybox, "sh", "/usr/lib/kontinuous/prepare.sh"]
    stage = {
        "name": "stage",
        "image": "kontinuous/command:1",
        "imagePullPolicy": "IfNotPresent",
        "env": facts("unit-test", "Unit Test", IMAGE),
        "securityContext": STRICT,
        "resources": {},
        "lifecycle": {"postStart": {"exec": {"command": prepare}}},
        "volumeMounts": [
            {"name": "tmp", "mountPath": "/tmp"},
            {"name": "workspace", "mountPath": "/workspace"},
            {"name": "handoff", "mountPath": "/kontinuous/handoff"},
            {"name": "credentials", "mountPath": "/kontinuous/credentials", "readOnly": True},
            {"name": "secret-0", "mountPath": "/kontinuous/secrets/docker-credentials", "readOnly": True},
        ],
    }
    git_trust = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
    user = {
        "name": "user",
        "image": f"localhost:5000/{IMAGE}",
        "imagePullPolicy": "IfNotPresent",
        "command": ["/kontinuous/handoff/busybox", "sh", "/kontinuous/handoff/user.sh"],
        "args": ["make", "test"],
        "env": [
            *facts("unit-test", "Unit Test", IMAGE),
            *({"name": name, "value": value} for name, value in git_trust.items()),
        ],
        "resources": limits,
        "volumeMounts": [
            {"name": "workspace", "mountPath": "/workspace"},
            {"name": "handoff", "mountPath": "/kontinuous/handoff"},
        ],
    }
    pod = {
        "containers": [stage, user],
        "volumes": [
            {"name": "tmp", "emptyDir": {}},
            {"name": "workspace", "emptyDir": {}},
            {"name": "handoff", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}},
            {"name": "credentials", "secret": {"secretName": SECRET, "items": ITEMS}},
            {"name": "secret-0", "secret": {"secretName": "docker-credentials"}},
        ],
    }
    with_socket = settings(docker_host=SOCKET, docker_socket_group=999, node_registry="localhost:5000")
    assert without_context(manifest(made, 1, with_socket)) == job("hello-3-unit-test-1-8b4b09b3", "unit-test", pod)


def test_the_whole_job_of_a_docker_publish() -> None:
    spec = replace(PUBLISH, secrets=("quay",), resources={"requests": {"cpu": "100m"}})
    made = with_attempt(succeeded(build(BUILD, spec), "build", {"image": IMAGE}), "publish")
    stage = {
        "name": "stage",
        "image": "kontinuous/docker_publish:1",
        "imagePullPolicy": "IfNotPresent",
        "env": facts("publish", "Publish", IMAGE),
        "securityContext": STRICT,
        "resources": {"requests": {"cpu": "100m"}},
        "volumeMounts": [
            {"name": "tmp", "mountPath": "/tmp"},
            {"name": "credentials", "mountPath": "/kontinuous/credentials", "readOnly": True},
            {"name": "secret-0", "mountPath": "/kontinuous/secrets/quay", "readOnly": True},
        ],
    }
    pod = {
        "containers": [stage],
        "volumes": [
            {"name": "tmp", "emptyDir": {}},
            {"name": "credentials", "secret": {"secretName": SECRET, "items": ITEMS}},
            {"name": "secret-0", "secret": {"secretName": "quay"}},
        ],
    }
    remote = settings(docker_host="tcp://builder:2376")
    assert without_context(manifest(made, 1, remote)) == job("hello-3-publish-1-dcc0b6c1", "publish", pod)


def test_a_custom_stage_gets_its_params_as_variables_and_ours_win() -> None:
    params = {"target": "x", "deep": {"a": [1]}, "KONTINUOUS_CONTEXT": "mine", "KONTINUOUS_BUILD": "99"}
    made = with_attempt(build(StageSpec("Scan", "scan", params)), "scan")
    job_made = manifest(made, 0)
    env = expand_environment(job_made["spec"]["template"]["spec"]["containers"][0]["env"])
    assert (env["target"], env["deep"], env["KONTINUOUS_BUILD"]) == ("x", '{"a":[1]}', "3")
    assert json.loads(env["KONTINUOUS_CONTEXT"])["params"] == params


def test_the_context_says_all_that_a_stage_must_know() -> None:
    made = with_attempt(succeeded(build(), "build", {"image": IMAGE}), "unit-test")
    seen_by_stages = settings(
        stage_kv_address="10.0.0.1:2379", stage_s3_url="http://10.0.0.2:9000", builder_registry="localhost:5000"
    )
    assert context_of(manifest(made, 1, seen_by_stages)) == StageContext(
        version=1,
        pipeline="local/ab12/hello",
        pipeline_name="hello",
        build=3,
        stage="unit-test",
        stage_name="Unit Test",
        stage_type="command",
        attempt=1,
        namespace="acaleph",
        commit=SHA,
        ref="refs/heads/main",
        branch="main",
        clone_url="http://git/local/ab12/hello.git",
        params={"command": ["make", "test"]},
        secrets=(),
        artifacts=(),
        image=IMAGE,
        image_repository="local/ab12/hello",
        registry="localhost:5000",
        docker_host="",
        kv_address="10.0.0.1:2379",
        s3_url="http://10.0.0.2:9000",
        s3_bucket="kontinuous",
        s3_region="us-east-1",
        report_key="/kontinuous/reports/local/ab12/hello/00000003/unit-test/1",
        log_prefix="local/ab12/hello/00000003/unit-test/1/log/",
        artifacts_prefix="local/ab12/hello/00000003/unit-test/1/artifacts/",
        kontinuous_url="http://127.0.0.1:3005",
        build_url="http://127.0.0.1:3005/builds/local/ab12/hello/3",
        status_url="",
        status_context="kontinuous/unit-test",
        timeout_s=3600,
        patience_s=600,
    )


def test_a_stage_of_a_repository_on_github_is_told_where_its_status_goes() -> None:
    made = build(repository=Repository("github.com", "acme", "shop"))
    attempt = Attempt(1, "job")
    public = stage_context(made, made.stages[0], attempt, settings())
    assert public.status_url == f"https://api.github.com/repos/acme/shop/statuses/{SHA}"
    assert stage_context(made, made.stages[0], attempt, settings(github_url="https://git.acme.com")).status_url == ""


@pytest.mark.parametrize(
    ("spec", "docker_host", "expected"),
    [
        (BUILD, SOCKET, "unix:///var/run/docker.sock"),
        (BUILD, "tcp://builder:2376", "tcp://builder:2376"),
        (TEST, SOCKET, ""),
    ],
)
def test_only_stages_that_build_or_publish_know_the_engine(spec: StageSpec, docker_host: str, expected: str) -> None:
    made = with_attempt(build(spec), build(spec).stages[0].id)
    stage = made.stages[0]
    assert stage_context(made, stage, stage.attempts[0], settings(docker_host=docker_host)).docker_host == expected


def test_the_users_container_sees_no_credentials_no_secrets_and_no_engine() -> None:
    spec = replace(TEST, secrets=("one", "two"), params={"command": ["env"], "password": "key"})
    made = with_attempt(build(spec), "unit-test")
    everything = settings(
        docker_host=SOCKET,
        docker_socket_group=999,
        registry_login=Login("registry", "registry-secret"),
        git_login=Login("git", "git-secret"),
        etcd_login=Login("root", "root-secret"),
    )
    user = manifest(made, 0, everything)["spec"]["template"]["spec"]["containers"][1]
    assert [mount["name"] for mount in user["volumeMounts"]] == ["workspace", "handoff"]
    text = json.dumps(user)
    assert "KONTINUOUS_CONTEXT" not in text
    assert "-secret" not in text
    assert "securityContext" not in user


@pytest.mark.parametrize(
    ("params", "image", "folder"),
    [
        ({}, f"internal-registry:5000/{IMAGE}", None),
        ({"image": "golang:1"}, "golang:1", "/workspace"),
        ({"image": "golang:1", "working_dir": "/src"}, "golang:1", "/src"),
        ({"working_dir": "/src"}, f"internal-registry:5000/{IMAGE}", "/src"),
    ],
)
def test_a_commands_image_and_folder(params: dict[str, str], image: str, folder: str | None) -> None:
    spec = replace(TEST, params={**TEST.params, **params})
    made = with_attempt(succeeded(build(BUILD, spec), "build", {"image": IMAGE}), "unit-test")
    user = manifest(made, 1)["spec"]["template"]["spec"]["containers"][1]
    assert (user["image"], user.get("workingDir")) == (image, folder)


def test_dollars_reach_the_users_process_and_the_stage_as_they_were_written() -> None:
    words = ["sh", "-c", "echo $$ $(date) $(KONTINUOUS_BUILD) $HOME $$$$"]
    spec = StageSpec("Script", "command", {"command": words[:2], "args": words[2:], "image": "x", "PRICE": "$$5"})
    made = with_attempt(build(spec), "script")
    job_made = manifest(made, 0)
    user = job_made["spec"]["template"]["spec"]["containers"][1]
    env = expand_environment(user["env"])
    assert [expand(word, env) for word in user["args"]] == words
    assert context_of(job_made).params == spec.params


def test_the_nearest_image_that_was_built_before_is_taken() -> None:
    made = build(BUILD, replace(BUILD, name="Other"), TEST, inherited_image="old@sha256:0")
    test = made.stages[2]
    assert built_image(made, test) == "old@sha256:0"
    made = succeeded(made, "build", {"image": "first@sha256:1"})
    assert built_image(made, test) == "first@sha256:1"
    assert built_image(succeeded(made, "other", {"image": "second@sha256:2"}), test) == "second@sha256:2"
    assert built_image(succeeded(made, "other", {"image": 7}), test) == "first@sha256:1"
    assert built_image(made, made.stages[0]) == "old@sha256:0"


def test_a_context_that_is_too_large_is_refused_before_and_at_the_launch() -> None:
    spec = replace(TEST, params={"command": ["true"], "X": "x" * MAX_VARIABLE_BYTES})
    made = with_attempt(build(spec), "unit-test")
    with pytest.raises(InputError, match=r"'Unit Test': its params make a context of 13[0-9]{4} bytes"):
        check_contexts(made, settings())
    with pytest.raises(InputError, match="put large values into a file"):
        manifest(made, 0)
    check_contexts(build(), settings())


def secret(with_settings: Settings) -> dict[str, Any]:
    return secret_manifest(build(), with_settings, credential_files(with_settings))


def test_the_builds_secret_holds_the_credentials_that_there_are() -> None:
    made = secret(settings(registry_login=Login("r", "registry-secret"), node_registry="localhost:30500"))
    pull = json.loads(made["stringData"].pop(".dockerconfigjson"))
    assert pull == {"auths": {"localhost:30500": {"auth": base64.b64encode(b"r:registry-secret").decode()}}}
    assert made == {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/dockerconfigjson",
        "immutable": True,
        "metadata": {
            "name": SECRET,
            "namespace": "acaleph",
            "labels": {"app.kubernetes.io/managed-by": "kontinuous", "kontinuous.io/build": "3"},
            "annotations": {"kontinuous.io/build-key": BUILD_KEY},
        },
        "stringData": {
            "etcd-user": "stage",
            "etcd-password": "etcd-secret",
            "s3-access-key": "access",
            "s3-secret-key": "s3-secret",
            "registry-user": "r",
            "registry-password": "registry-secret",
        },
    }


def test_the_coordinators_own_etcd_user_is_never_handed_out() -> None:
    made = secret(settings(etcd_login=Login("coordinator", "root-secret")))
    assert "root-secret" not in json.dumps(made)


def test_a_builder_that_wants_certificates_gets_them_from_the_stages_that_use_it_alone() -> None:
    chosen = settings(docker_host="tcp://builder:2376", builder_tls={"ca.pem": "CA", "cert.pem": "C", "key.pem": "K"})
    made = with_attempt(succeeded(build(), "build", {"image": IMAGE}), "unit-test")
    builds = manifest(with_attempt(build(), "build"), 0, chosen)["spec"]["template"]["spec"]
    mount = {"name": "builder-tls", "mountPath": "/kontinuous/builder-tls", "readOnly": True}
    items = [{"key": name, "path": name} for name in ("ca.pem", "cert.pem", "key.pem")]
    assert mount in builds["containers"][0]["volumeMounts"]
    assert {"name": "builder-tls", "secret": {"secretName": SECRET, "items": items}} in builds["volumes"]
    assert "builder-tls" not in json.dumps(manifest(made, 1, chosen))
    assert secret(chosen)["stringData"]["key.pem"] == "K"


def test_nodes_pull_with_the_builds_secret_where_the_registry_wants_a_login() -> None:
    made = with_attempt(build(), "build")
    with_login = manifest(made, 0, settings(registry_login=Login("r", "pw")))["spec"]["template"]["spec"]
    assert with_login["imagePullSecrets"] == [{"name": SECRET}]
    assert "imagePullSecrets" not in manifest(made, 0)["spec"]["template"]["spec"]
    further = settings(registry_login=Login("r", "pw"), stage_pull_secrets=("private", "mirror"))
    named = [each["name"] for each in manifest(made, 0, further)["spec"]["template"]["spec"]["imagePullSecrets"]]
    assert named == [SECRET, "private", "mirror"]


def test_a_manifest_shares_nothing_with_the_build_it_is_made_of() -> None:
    spec = replace(TEST, resources={"limits": {"cpu": "1"}})
    made = with_attempt(build(spec), "unit-test")
    manifest(made, 0)["spec"]["template"]["spec"]["containers"][1]["resources"]["limits"]["cpu"] = "9"
    assert made.stages[0].spec.resources == {"limits": {"cpu": "1"}}
