"""The coordinator may do just what it does: its rights, and the API server's own record of the tests before this one.

It runs after the journey, the causes and the notifications, whose file names come first.
"""

import json

from tests.cluster.installation import BUILDS_NAMESPACE, NAMESPACE, Installation

COORDINATOR = f"system:serviceaccount:{NAMESPACE}:kontinuous"

Right = tuple[str, str]
"""A resource, with its subresource, and a verb."""


def granted(installation: Installation) -> set[Right]:
    """What the Role in the builds' namespace allows."""
    role = json.loads(installation.cluster.kubectl("get", "role", "kontinuous", "-n", BUILDS_NAMESPACE, "-o", "json"))
    return {(resource, verb) for rule in role["rules"] for resource in rule["resources"] for verb in rule["verbs"]}


def used(installation: Installation) -> dict[Right, int]:
    """What the coordinator has asked for in that namespace: each right with the newest answer."""
    asked: dict[Right, int] = {}
    for line in installation.cluster.audit_log.read_text().splitlines():
        event = json.loads(line)
        where = event.get("objectRef", {})
        if event["user"]["username"] == COORDINATOR and where.get("namespace") == BUILDS_NAMESPACE:
            resource = "/".join(filter(None, (where["resource"], where.get("subresource"))))
            right = resource, event["verb"]
            asked[right] = event.get("responseStatus", {}).get("code", 0)
    return asked


def test_every_right_is_used_and_none_is_missing(installation: Installation) -> None:
    asked = used(installation)
    assert asked.keys() == granted(installation)
    assert [right for right, code in asked.items() if code == 403] == []


def test_the_coordinator_has_no_rights_elsewhere(installation: Installation) -> None:
    kubectl = installation.cluster.kubectl
    bindings = json.loads(kubectl("get", "clusterrolebindings", "-o", "json"))["items"]
    subjects = [subject for binding in bindings for subject in binding.get("subjects", ())]
    assert [subject for subject in subjects if subject.get("namespace") == NAMESPACE] == []
    for namespace in (NAMESPACE, "kube-system", "default"):
        answer = kubectl("auth", "can-i", "--list", f"--as={COORDINATOR}", "-n", namespace)
        lines = [line for line in answer.splitlines() if line.startswith(("jobs", "pods", "secrets", "events", "*.*"))]
        assert lines == [], (namespace, lines)
