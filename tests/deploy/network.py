"""Who may reach whom, as the NetworkPolicies of a set of manifests say it: an evaluator in the terms of their API.

https://kubernetes.io/docs/concepts/services-networking/network-policies/: a pod that a policy selects for a direction
may do in it what some policy allows; one that none selects may do everything. Both ends must allow.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

from tests.deploy.rendering import Manifests


@dataclass(frozen=True)
class End:
    """A pod by its namespace and labels, or an address outside of every pod."""

    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    address: str = ""


class Network:
    """The policies and namespaces of a set of manifests."""

    def __init__(self, manifests: Manifests) -> None:
        self._policies = [m for m in manifests if m["kind"] == "NetworkPolicy"]
        self._namespaces = {
            m["metadata"]["name"]: {**m["metadata"]["labels"], "kubernetes.io/metadata.name": m["metadata"]["name"]}
            for m in manifests
            if m["kind"] == "Namespace"
        }

    def allows(self, source: End, target: End, port: int, protocol: str = "TCP") -> bool:
        """Whether a connection from one to the other is let out and let in."""
        out = self._direction_allows("Egress", "egress", "to", source, target, port, protocol)
        return out and self._direction_allows("Ingress", "ingress", "from", target, source, port, protocol)

    def policies_of(self, pod: End) -> list[str]:
        """The names of the policies that select a pod."""
        return [policy["metadata"]["name"] for policy in self._policies if self._selects_pod(policy, pod)]

    def _direction_allows(
        self, kind: str, rules: str, peers: str, selected: End, other: End, port: int, protocol: str
    ) -> bool:
        if selected.address:
            return True
        mine = [p for p in self._policies if kind in p["spec"]["policyTypes"] and self._selects_pod(p, selected)]
        return not mine or any(
            _port_fits(rule.get("ports"), port, protocol) and self._peer_fits(rule.get(peers), policy, other)
            for policy in mine
            for rule in policy["spec"].get(rules, ())
        )

    def _selects_pod(self, policy: Mapping[str, Any], pod: End) -> bool:
        return policy["metadata"]["namespace"] == pod.namespace and _fits(policy["spec"]["podSelector"], pod.labels)

    def _peer_fits(self, peers: list[dict[str, Any]] | None, policy: Mapping[str, Any], other: End) -> bool:
        return peers is None or any(self._is(peer, policy["metadata"]["namespace"], other) for peer in peers)

    def _is(self, peer: Mapping[str, Any], namespace: str, other: End) -> bool:
        if "ipBlock" in peer:
            return bool(other.address) and _in_block(peer["ipBlock"], other.address)
        if other.address:
            return False
        if "namespaceSelector" in peer:
            if not _fits(peer["namespaceSelector"], self._namespaces.get(other.namespace, {})):
                return False
        elif other.namespace != namespace:
            return False
        return _fits(peer.get("podSelector", {}), other.labels)


def _fits(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    for wanted in selector.get("matchExpressions", ()):
        assert wanted["operator"] == "In", "write the other operators when they are used"
        if labels.get(wanted["key"]) not in wanted["values"]:
            return False
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())


def _port_fits(ports: list[dict[str, Any]] | None, port: int, protocol: str) -> bool:
    return ports is None or {"port": port, "protocol": protocol} in ports


def _in_block(block: Mapping[str, Any], address: str) -> bool:
    """Families do not mix: an IPv4 address is in no IPv6 block."""
    host = ip_address(address)
    return host in ip_network(block["cidr"]) and not any(host in ip_network(net) for net in block.get("except", ()))
