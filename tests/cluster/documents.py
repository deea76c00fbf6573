"""The configuration files of the control plane. JSON is YAML too, and needs no templates."""

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

from tests.cluster import certificates
from tests.cluster.places import (
    API_PORT,
    DNS_READY_PORT,
    DOMAIN,
    FIRST,
    HOST,
    KUBECONFIG,
    PODS,
    PROXY_HEALTH_PORT,
    PROXY_METRICS_PORT,
)


def kubeconfig() -> dict[str, Any]:
    """The administrator's way in, with the certificates inside, so that a copy of the file works too."""
    cluster = {"server": f"https://{HOST}:{API_PORT}", "certificate-authority-data": _base64(certificates.AUTHORITY)}
    user = {
        "client-certificate-data": _base64(certificates.ADMIN),
        "client-key-data": _base64(certificates.ADMIN_KEY),
    }
    name = "kontinuous-cluster"
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": "admin", "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": "admin"}}],
        "current-context": name,
    }


def _base64(file: Path) -> str:
    return b64encode(file.read_bytes()).decode()


def audit_policy() -> dict[str, Any]:
    """Who asked for what, of the requests made with a ServiceAccount; the cluster's own parts have none."""
    return {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [{"level": "Metadata", "userGroups": ["system:serviceaccounts"]}, {"level": "None"}],
    }


def kube_proxy() -> dict[str, Any]:
    """Services by iptables; NodePorts on this machine's loopback and the pods' bridges only."""
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(KUBECONFIG)},
        "hostnameOverride": FIRST.name,
        "mode": "iptables",
        "clusterCIDR": PODS,
        "nodePortAddresses": ["127.0.0.0/8", PODS],
        "conntrack": {"maxPerCore": 0},
        "healthzBindAddress": f"127.0.0.1:{PROXY_HEALTH_PORT}",
        "metricsBindAddress": f"127.0.0.1:{PROXY_METRICS_PORT}",
    }


def corefile() -> str:
    """The DNS server's settings: the cluster's names, and whatever else this machine can resolve."""
    return f"""\
. {{
    bind {HOST}
    ready 127.0.0.1:{DNS_READY_PORT}
    errors
    cache 5
    kubernetes {DOMAIN} in-addr.arpa {{
        kubeconfig {KUBECONFIG}
        fallthrough in-addr.arpa
        ttl 5
    }}
    forward . /etc/resolv.conf
}}
"""


def write_json(file: Path, document: dict[str, Any]) -> Path:
    """Write a document, readable by its owner only, and return its file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(json.dumps(document, indent=2))
    return file
