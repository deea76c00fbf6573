"""Rights: exactly those of the table in docs/operations.md, and no others."""

import re
from typing import Any

from tests.deploy.rendering import ROOT, Manifests, one

DOC = ROOT / "docs" / "operations.md"
ROW = re.compile(
    r"^\| `(?P<account>[\w-]+)` \| `(?P<namespace>[\w-]+)` \| (?P<resource>`[^|]+) \| (?P<verbs>[^|]+) \|$", re.M
)

Right = tuple[str, str, str, frozenset[str]]
"""Who, in which namespace, on what (with the names it is limited to), may do which."""


def granted(manifests: Manifests) -> set[Right]:
    """What the RoleBindings of the manifests grant to service accounts."""
    found: set[Right] = set()
    for binding in (m for m in manifests if m["kind"] == "RoleBinding"):
        namespace = binding["metadata"]["namespace"]
        role = one(manifests, binding["roleRef"]["kind"], binding["roleRef"]["name"], namespace)
        for subject in binding["subjects"]:
            assert (subject["kind"], subject["namespace"]) == ("ServiceAccount", "kontinuous")
            found |= {right for rule in role["rules"] for right in rights(subject["name"], namespace, rule)}
    return found


def rights(account: str, namespace: str, rule: dict[str, Any]) -> set[Right]:
    names = f" {', '.join(rule['resourceNames'])}" if "resourceNames" in rule else ""
    return {(account, namespace, f"{resource}{names}", frozenset(rule["verbs"])) for resource in rule["resources"]}


def documented() -> set[Right]:
    return {
        (row["account"], row["namespace"], row["resource"].replace("`", ""), frozenset(row["verbs"].split(", ")))
        for row in ROW.finditer(DOC.read_text())
    }


def test_the_rights_are_those_that_are_documented(manifests: Manifests) -> None:
    assert documented(), "the table is there"
    assert granted(manifests) == documented()


def test_nothing_is_granted_in_the_whole_cluster(manifests: Manifests) -> None:
    assert not [m["kind"] for m in manifests if m["kind"].startswith("Cluster")]


def test_no_right_is_for_everything(manifests: Manifests) -> None:
    for role in (m for m in manifests if m["kind"] == "Role"):
        for rule in role["rules"]:
            assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]


def test_the_coordinator_can_read_no_secret_but_that_of_notifications(manifests: Manifests) -> None:
    verbs = {verb for account, _, what, verbs in granted(manifests) for verb in verbs if what == "secrets"}
    assert verbs == {"create", "delete"}
    coordinator = {
        (what, verb)
        for who, _, what, all_ in granted(manifests)
        for verb in all_
        if who == "kontinuous" and "secrets" in what
    }
    assert coordinator == {("secrets", "create"), ("secrets", "delete"), ("secrets notifcreds", "get")}


def test_the_accounts_of_the_bindings_are_those_of_the_pods(manifests: Manifests) -> None:
    deployment = one(manifests, "Deployment", "kontinuous")["spec"]["template"]["spec"]["serviceAccountName"]
    job = one(manifests, "Job", "kontinuous-setup")["spec"]["template"]["spec"]["serviceAccountName"]
    assert {account for account, *_ in granted(manifests)} == {deployment, job}
    for name in (deployment, job):
        one(manifests, "ServiceAccount", name)


def test_a_further_pipeline_namespace_grants_the_same(manifests: Manifests, team_a: Manifests) -> None:
    there = {(who, "kontinuous-builds", what, verbs) for who, _, what, verbs in granted(team_a)}
    assert {where for _, where, *_ in granted(team_a)} == {"team-a"}
    assert there == {right for right in granted(manifests) if right[1] == "kontinuous-builds"}
