"""Installing into a cluster: what kubectl is asked for, in which order, what a person is told, and what is left."""

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.deploy import MANIFESTS, NAMESPACES, NEXT
from tests.cli.conftest import ROOT, Run

IMAGES = "images:\n  - name: kontinuous/coordinator\n    newName: quay.io/acme/coordinator\n    newTag: abc\n"


def workload(kind: str, name: str, ready: bool, replicas: int = 1) -> dict[str, Any]:
    """A Deployment, StatefulSet or Job as Kubernetes lists it."""
    if kind == "Job":
        return {"kind": kind, "metadata": {"name": name}, "status": {"succeeded": 1} if ready else {}}
    counts = dict.fromkeys(("updatedReplicas", "readyReplicas", "availableReplicas"), replicas if ready else 0)
    meta, spec = {"name": name, "generation": 2}, {"replicas": replicas}
    return {"kind": kind, "metadata": meta, "spec": spec, "status": {"observedGeneration": 2, **counts}}


def pod(name: str, reason: str, message: str) -> dict[str, Any]:
    waiting = {"state": {"waiting": {"reason": reason, "message": message}}}
    return {"kind": "Pod", "metadata": {"name": name}, "status": {"containerStatuses": [waiting]}}


def state(*ready: str, trouble: tuple[str, str] = ("ContainerCreating", "")) -> dict[str, list[dict[str, Any]]]:
    """What there is in each namespace, while these workloads are ready."""
    kinds = {"kontinuous": ("Deployment", 2), "etcd": ("StatefulSet", 1), "kontinuous-setup": ("Job", 1)}
    own = [workload(kind, name, name in ready, count) for name, (kind, count) in kinds.items()]
    builder = [workload("StatefulSet", "builder", "builder" in ready)]
    return {"kontinuous": [*own, pod("etcd-0", *trouble)], "kontinuous-builder": builder}


ALL = state("kontinuous", "etcd", "kontinuous-setup", "builder")


class Kubectl:
    """The stand-in on PATH, with its play and what was asked of it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        program = folder / "kubectl"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} {ROOT}/tests/fakes/kubectl.py "$@"\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        self._play, self._calls = folder / "play.json", folder / "calls"
        self.play(states=[ALL])
        self.variables = {
            "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
            "KUBECTL_PLAY": str(self._play),
            "KUBECTL_CALLS": str(self._calls),
        }

    def play(self, **play: Any) -> None:
        self._play.write_text(json.dumps(play))

    def calls(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._calls.read_text().splitlines()] if self._calls.exists() else []

    def did(self, *verbs: str) -> list[dict[str, Any]]:
        return [call for call in self.calls() if call["words"][0] in verbs]


@pytest.fixture
def kubectl(tmp_path: Path) -> Kubectl:
    return Kubectl(tmp_path / "bin")


def test_it_is_installed_and_waited_for(kontinuous: Run, kubectl: Kubectl) -> None:
    stuck = state("etcd", trouble=("ImagePullBackOff", "Back-off pulling image\nand more"))
    kubectl.play(states=[state(), stuck, stuck, ALL])
    done = kontinuous("deploy", "--context", "prod", **kubectl.variables)
    assert (done.returncode, done.stdout) == (0, f"{NEXT}\n"), done.stderr
    assert done.stderr.splitlines() == [
        "Installing kontinuous into https://k8s:6443 (context prod)",
        "2 objects are there, 1 of them new or changed",
        "    etcd is ready",
        "    etcd-0: ImagePullBackOff: Back-off pulling image",
        "    builder is ready",
        "    kontinuous is ready",
        "    kontinuous-setup is ready",
    ]
    assert {call["context"] for call in kubectl.calls()} == {"prod"}
    deleted, applied = kubectl.did("delete", "apply")
    assert deleted["words"][:3] == ["delete", "job", "kontinuous-setup"]
    assert applied["files"][MANIFESTS.name] == (ROOT / "k8s-spec.yml.example").read_text()


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl kustomize is what reads it")
def test_the_images_that_were_pushed_are_used(kontinuous: Run, kubectl: Kubectl, tmp_path: Path) -> None:
    (tmp_path / "images.yaml").write_text(IMAGES)
    assert kontinuous("deploy", "--images", tmp_path / "images.yaml", **kubectl.variables).returncode == 0
    [applied] = kubectl.did("apply")
    overlay = tmp_path / "overlay"
    overlay.mkdir()
    for name, text in applied["files"].items():
        (overlay / name).write_text(text)
    made = subprocess.run(["kubectl", "kustomize", str(overlay)], capture_output=True, text=True, check=True).stdout
    assert "image: quay.io/acme/coordinator:abc" in made
    assert len(list(yaml.safe_load_all(made))) == len(list(yaml.safe_load_all(MANIFESTS.read_text())))
    for text in ("[]", "{", ""):
        (tmp_path / "wrong").write_text(text)
        for name in ("none", "wrong"):
            wrong = kontinuous("deploy", "--images", tmp_path / name, **kubectl.variables)
            assert (wrong.returncode, "make push" in wrong.stderr) == (2, True)


def test_what_is_not_ready_in_time_is_named_with_its_trouble(kontinuous: Run, kubectl: Kubectl) -> None:
    kubectl.play(states=[state("etcd", trouble=("ErrImagePull", "no such image"))])
    done = kontinuous("deploy", "--timeout", 1, **kubectl.variables)
    assert (done.returncode, done.stdout) == (3, "")
    last = done.stderr.splitlines()[-1]
    assert "not ready after 1 s: builder, kontinuous, kontinuous-setup: etcd-0: ErrImagePull: no such image" in last


@pytest.mark.parametrize(
    ("play", "code", "said"),
    [
        ({"refuse": ["create", "namespaces"]}, 2, "you may not create namespaces: ask"),
        ({"refuse": ["create", "statefulsets.apps"]}, 2, "in the namespace kontinuous"),
        ({"down": "The connection to the server k8s:6443 was refused"}, 3, "does not answer: The connection"),
        ({"nowhere": True}, 2, "kubectl knows no cluster"),
    ],
)
def test_what_prevents_it_is_said_before_anything_is_done(
    kontinuous: Run, kubectl: Kubectl, play: dict[str, Any], code: int, said: str
) -> None:
    kubectl.play(states=[ALL], **play)
    done = kontinuous("deploy", **kubectl.variables)
    assert (done.returncode, said in done.stderr, len(done.stderr.splitlines())) == (code, True, 1), done.stderr
    assert not kubectl.did("apply", "delete")


def test_without_kubectl_one_is_told_to_install_it(kontinuous: Run, tmp_path: Path) -> None:
    done = kontinuous("deploy", PATH=str(tmp_path))
    assert (done.returncode, "kubectl is not installed" in done.stderr) == (2, True)


def test_it_is_removed_after_a_yes_and_what_is_left_is_said(kontinuous: Run, kubectl: Kubectl) -> None:
    asked = kontinuous("deploy", "remove", **kubectl.variables)
    assert (asked.returncode, "say --yes" in asked.stderr, kubectl.did("delete")) == (2, True, [])
    done = kontinuous("deploy", "remove", "--yes", **kubectl.variables)
    assert done.returncode == 0, done.stderr
    assert "volumes" in done.stdout
    assert f"kubectl delete namespace {' '.join(NAMESPACES)}" in done.stdout
    [call] = kubectl.did("delete")
    kinds = {each["kind"] for each in yaml.safe_load_all(call["given"])}
    shipped = {each["kind"] for each in yaml.safe_load_all(MANIFESTS.read_text())}
    assert kinds == shipped - {"Namespace"}
    assert "StatefulSet" in kinds
