"""Manifests as kustomize makes them from a folder, and overlays that put other images into them."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from local.image_push import kustomization
from tests.cluster.places import PROGRAMS

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
DEFAULT = DEPLOY / "default"
RENDER_S = 60

Manifests = list[dict[str, Any]]


def kubectl() -> str:
    """The path of a kubectl: the machine's own, or the one of the test cluster."""
    found = shutil.which("kubectl") or shutil.which("kubectl", path=str(PROGRAMS))
    assert found, "kubectl is needed to render deploy/: install it (https://kubernetes.io/docs/tasks/tools/)"
    return found


def rendered_text(folder: Path) -> str:
    """What `kubectl kustomize` makes of a folder; fails the test with its complaint."""
    done = subprocess.run([kubectl(), "kustomize", str(folder)], capture_output=True, text=True, timeout=RENDER_S)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rendered(folder: Path) -> Manifests:
    """The same as objects."""
    return list(yaml.safe_load_all(rendered_text(folder)))


def overlay(target: Path, base: Path, references: Mapping[str, str], more: str = "") -> Path:
    """Write into the folder `target` a kustomization of `base` with these images (name → reference); returns it.

    `more` are the operator's own patches: items of `patches:`, indented by two.
    """
    (target / "images").mkdir(parents=True, exist_ok=True)
    (target / "images" / "kustomization.yaml").write_text(kustomization(references))
    whole = f"resources: [{os.path.relpath(base.resolve(), target.resolve())}]\ncomponents: [images]\n"
    (target / "kustomization.yaml").write_text(whole + (f"patches:\n{more}" if more else ""))
    return target


def one(manifests: Manifests, kind: str, name: str, namespace: str = "kontinuous") -> dict[str, Any]:
    """The one object of this kind and name."""
    found = [m for m in manifests if (m["kind"], m["metadata"]["name"]) == (kind, name)]
    found = [m for m in found if m["metadata"].get("namespace", namespace) == namespace]
    assert len(found) == 1, f"{len(found)} of {kind} {namespace}/{name}"
    return found[0]


def workloads(manifests: Manifests, namespace: str | None = None) -> Manifests:
    """All objects that make pods."""
    kinds = ("Deployment", "StatefulSet", "Job", "DaemonSet")
    return [m for m in manifests if m["kind"] in kinds and namespace in (None, m["metadata"]["namespace"])]


def pod_spec(workload: Mapping[str, Any]) -> dict[str, Any]:
    """The pod's spec in a workload."""
    spec: dict[str, Any] = workload["spec"]["template"]["spec"]
    return spec
