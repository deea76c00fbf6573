"""The cluster's parts: what each is started with, and how they are started and waited for."""

import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable

from shared.errors import InfrastructureError
from tests.cluster import certificates
from tests.cluster.cgroups import join_system
from tests.cluster.places import (
    API_PORT,
    AUDIT_LOG,
    DATA,
    DNS_READY_PORT,
    ETCD_PEER_PORT,
    ETCD_PORT,
    HOST,
    KUBECONFIG,
    NODES,
    PROGRAMS,
    SERVICES,
    Node,
)
from tests.cluster.process import Process

START_S = 120
POLL_S = 0.1
ETCD = f"http://127.0.0.1:{ETCD_PORT}"
ETCD_PEER = f"http://127.0.0.1:{ETCD_PEER_PORT}"
CONTROL_PLANE = ("kube-controller-manager", "kube-scheduler", "kube-proxy", "coredns")


def containerd_of(node: Node) -> Process:
    """The node's container runtime; without it the node's containers live on, but no new ones start."""
    return Process(f"containerd-{node.name}")


def kubelet_of(node: Node) -> Process:
    """The node's agent; without it the node is lost to the cluster after a while."""
    return Process(f"kubelet-{node.name}")


def commands() -> dict[str, list[str]]:
    """Every part by name, with its command line."""
    admin = f"--kubeconfig={KUBECONFIG}"
    parts = {
        "etcd": _etcd(),
        "kube-apiserver": _api_server(),
        "kube-controller-manager": [admin, *_controller_manager()],
        "kube-scheduler": [admin, "--leader-elect=false", "--secure-port=0"],
        "kube-proxy": [f"--config={DATA}/kube-proxy.json"],
        "coredns": ["-conf", f"{DATA}/Corefile"],
    }
    found = {name: [str(PROGRAMS / name), *arguments] for name, arguments in parts.items()}
    for node in NODES:
        found[kubelet_of(node).name] = [str(PROGRAMS / "kubelet"), admin, *_kubelet(node)]
        found[containerd_of(node).name] = [shutil.which("containerd") or "", "-c", f"{node.data}/containerd.toml"]
    return found


def _etcd() -> list[str]:
    return [
        f"--data-dir={DATA}/etcd", f"--listen-client-urls={ETCD}", f"--advertise-client-urls={ETCD}",
        f"--listen-peer-urls={ETCD_PEER}", f"--initial-advertise-peer-urls={ETCD_PEER}",
        f"--initial-cluster=default={ETCD_PEER}", "--unsafe-no-fsync", "--log-level=warn",
    ]  # fmt: skip


def _api_server() -> list[str]:
    tokens = certificates.TOKEN_KEY
    return [
        f"--etcd-servers={ETCD}", f"--bind-address={HOST}", f"--advertise-address={HOST}",
        f"--secure-port={API_PORT}", f"--tls-cert-file={certificates.SERVER}",
        f"--tls-private-key-file={certificates.SERVER_KEY}", f"--client-ca-file={certificates.AUTHORITY}",
        f"--kubelet-client-certificate={certificates.ADMIN}", f"--kubelet-client-key={certificates.ADMIN_KEY}",
        "--kubelet-preferred-address-types=InternalIP", "--authorization-mode=RBAC", "--allow-privileged=true",
        "--service-account-issuer=https://kubernetes.default.svc", f"--service-account-signing-key-file={tokens}",
        f"--service-account-key-file={tokens}", f"--service-cluster-ip-range={SERVICES}",
        f"--audit-policy-file={DATA}/audit-policy.json", f"--audit-log-path={AUDIT_LOG}",
        # Sooner than the usual five minutes, so that a test may wait for what a lost node leads to.
        "--default-not-ready-toleration-seconds=10", "--default-unreachable-toleration-seconds=10",
    ]  # fmt: skip


def _controller_manager() -> list[str]:
    return [
        "--leader-elect=false", "--secure-port=0", f"--service-account-private-key-file={certificates.TOKEN_KEY}",
        f"--root-ca-file={certificates.AUTHORITY}", "--node-monitor-grace-period=25s",
        f"--flex-volume-plugin-dir={DATA}/volume-plugins",
    ]  # fmt: skip


def _kubelet(node: Node) -> list[str]:
    return [
        f"--config={node.data}/kubelet.json", f"--root-dir={node.data}/kubelet",
        f"--cert-dir={node.data}/kubelet-certificates", f"--hostname-override={node.name}", f"--node-ip={node.address}",
    ]  # fmt: skip


def start_part(name: str) -> Process:
    """Start one part of the cluster unless it runs; does not wait until it answers."""
    process = Process(name)
    process.start(commands()[name], _environment(name))
    for node in NODES:
        if name in (containerd_of(node).name, kubelet_of(node).name):
            join_system(node, process.pid)
    return process


def _environment(name: str) -> dict[str, str]:
    """Only the container runtime leaves this machine; a proxy would come between the others."""
    if name.startswith("containerd"):
        return dict(os.environ)
    return {"PATH": os.environ["PATH"], "HOME": str(DATA)}


def wait_until(answers: Callable[[], bool], *watched: Process) -> None:
    """Wait for an answer; raises InfrastructureError with the log of the process that ended, or of the last one."""
    deadline = time.monotonic() + START_S
    while not answers():
        ended = [process for process in watched if not process.pid]
        if ended or time.monotonic() > deadline:
            shown = (ended or watched)[-1]
            raise InfrastructureError(f"the test cluster's {shown.name} does not get ready; {shown.log_tail()}")
        time.sleep(POLL_S)


def kubectl_succeeds(*arguments: str) -> bool:
    """Say whether kubectl, as the administrator, exits with 0."""
    command = [str(PROGRAMS / "kubectl"), f"--kubeconfig={KUBECONFIG}", "--request-timeout=5s", *arguments]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def api_ready() -> bool:
    """Say whether the API server answers and has all that it needs."""
    return kubectl_succeeds("get", "--raw", "/readyz")


def dns_ready() -> bool:
    """Say whether the DNS server knows the cluster's Services."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{DNS_READY_PORT}/ready", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
