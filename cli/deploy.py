"""`kontinuous deploy`: install kontinuous into a cluster with the manifests that it ships, or take it away again."""

import sys
import tempfile
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

from cli.asking import confirm
from cli.kubectl import Kubectl
from cli.program import LocalProgram
from cli.screen import Screen
from cli.workloads import State, state_of
from shared.errors import EXIT_SUCCESS, InfrastructureError, InputError

MANIFESTS = Path(__file__).with_name("k8s-spec.yml.example")
NAMESPACE = "kontinuous"
NAMESPACES = (NAMESPACE, "kontinuous-builder", "kontinuous-builds")
WORKLOADS = "deployments,statefulsets,jobs,pods"
LABEL = "app.kubernetes.io/part-of=kontinuous"
SETUP = "kontinuous-setup"
LOOK_EVERY_S = 2.0
KUSTOMIZATION = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
NEEDED = (
    ("create", "namespaces", ""),
    ("create", "roles.rbac.authorization.k8s.io", NAMESPACE),
    ("create", "statefulsets.apps", NAMESPACE),
)
NEXT = f"""\
kontinuous is ready. To reach it from here, and to log in:

  kubectl -n {NAMESPACE} port-forward service/kontinuous 3005 &
  export KONTINUOUS_AUTH_SECRET=$(kubectl -n {NAMESPACE} get secret kontinuous-secrets \\
      -o jsonpath='{{.data.kontinuous-secrets}}' | base64 -d | sed -n 's/.*"AuthSecret": *"\\([^"]*\\)".*/\\1/p')
  kontinuous login http://127.0.0.1:3005

For webhooks, GitHub must reach it: docs/operations.md says how."""
LEFT = f"""\
What it has stored is left: the volumes (kubectl get pvc -n {NAMESPACE}, and in kontinuous-builder), the Secrets and the
namespaces. To delete these too, with all builds, images and passwords:

  kubectl delete namespace {" ".join(NAMESPACES)}"""


def execute(args: Namespace, _program: LocalProgram) -> int:
    """Install and wait until it is ready, or remove."""
    kubectl, screen = Kubectl(args.context or ""), Screen(sys.stderr)
    where = kubectl.where()
    match args.action:
        case "install":
            _install(kubectl, screen, where, args.images, args.timeout)
        case "remove":
            _remove(kubectl, screen, where, yes=args.yes)
        case _:
            raise InputError(f"deploy cannot {args.action}")
    return EXIT_SUCCESS


def _install(kubectl: Kubectl, screen: Screen, where: str, images: Path | None, timeout_s: int) -> None:
    for verb, resource, namespace in NEEDED:
        kubectl.require(verb, resource, namespace)
    screen.line(f"Installing kontinuous into {where}")
    with tempfile.TemporaryDirectory() as folder:
        overlay = _overlay(Path(folder), images)
        # A Job's template cannot be changed: an upgrade needs a new one. There is no namespace before the first time.
        kubectl.run("delete", "job", SETUP, f"--namespace={NAMESPACE}", "--ignore-not-found")
        applied = kubectl.run("apply", "--kustomize", str(overlay)).splitlines()
    changed = [line for line in applied if not line.endswith(" unchanged")]
    screen.line(f"{len(applied)} objects are there, {len(changed)} of them new or changed")
    _wait(kubectl, screen, timeout_s)
    print(NEXT)


def _overlay(folder: Path, images: Path | None) -> Path:
    """A kustomization of the manifests, with the images and settings that `make push` printed."""
    import yaml

    (folder / MANIFESTS.name).write_bytes(MANIFESTS.read_bytes())
    whole = {**_printed(images), **KUSTOMIZATION, "resources": [MANIFESTS.name]}
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(whole))
    return folder


def _printed(images: Path | None) -> dict[str, Any]:
    import yaml

    if images is None:
        return {}
    try:
        printed = yaml.safe_load(images.read_text())
    except (OSError, UnicodeError, yaml.YAMLError) as error:
        reason = getattr(error, "strerror", "") or "it is not YAML"
        raise InputError(
            f"{images} cannot be read ({reason}); `make push REGISTRY=…` prints what belongs there"
        ) from error
    if not isinstance(printed, dict):
        raise InputError(f"{images} holds no images; `make push REGISTRY=…` prints what belongs there")
    return printed


def _wait(kubectl: Kubectl, screen: Screen, timeout_s: int) -> None:
    deadline, said = time.monotonic() + timeout_s, set[str]()
    while True:
        state = _look(kubectl)
        news = [*(f"{name} is ready" for name in state.ready), *state.troubles]
        screen.lines([f"    {line}" for line in news if line not in said])
        said.update(news)
        if state.ready and not state.waiting:
            screen.status("")
            return
        if time.monotonic() > deadline:
            why = f": {state.troubles[0]}" if state.troubles else ""
            raise InfrastructureError(
                f"not ready after {timeout_s} s: {', '.join(state.waiting)}{why}; "
                f"see `kubectl -n {NAMESPACE} get pods,events`, then run `kontinuous deploy` again"
            )
        screen.status(f"    waiting for {', '.join(state.waiting)}")
        time.sleep(LOOK_EVERY_S)


def _look(kubectl: Kubectl) -> State:
    words = ("get", WORKLOADS, f"--selector={LABEL}")
    lists = (kubectl.read(*words, f"--namespace={namespace}") for namespace in NAMESPACES[:2])
    return state_of(item for found in lists for item in found["items"])


def _remove(kubectl: Kubectl, screen: Screen, where: str, *, yes: bool) -> None:
    import yaml

    objects = [each for each in yaml.safe_load_all(MANIFESTS.read_text()) if each["kind"] != "Namespace"]
    kubectl.require("delete", "statefulsets.apps", NAMESPACE)
    confirm(f"Remove kontinuous from {where}? Builds that run are lost.", yes=yes)
    screen.line(f"Removing kontinuous from {where}")
    given = yaml.safe_dump_all(objects)
    words = ("delete", "--filename=-", "--ignore-not-found", "--wait=true")
    removed = kubectl.run(*words, given=given).splitlines()
    screen.line(f"{len(removed)} objects are removed")
    print(LEFT)
