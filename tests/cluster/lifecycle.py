"""Bringing the test cluster up from whatever state the machine is in, and taking it away without a trace."""

import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from local.progress import Say
from shared.errors import InfrastructureError
from tests.cluster import documents
from tests.cluster.binary import build_programs
from tests.cluster.certificates import make_certificates
from tests.cluster.components import (
    CONTROL_PLANE,
    api_ready,
    commands,
    containerd_of,
    dns_ready,
    kubectl_succeeds,
    kubelet_of,
    start_part,
    wait_until,
)
from tests.cluster.network import adjust_kernel, close_ways, open_ways, restore_kernel
from tests.cluster.node import (
    remove_folders,
    remove_node,
    start_containerd,
    start_kubelet,
    wait_until_ready,
)
from tests.cluster.packages import install_packages
from tests.cluster.places import DATA, FIRST, KUBECONFIG, LOGS, NODES, PROGRAMS, RECORDS, RUNTIME
from tests.cluster.process import Process, kill_all, running_with

KEEP_VARIABLE = "KONTINUOUS_E2E_KEEP"
LOCK = "\0kontinuous-cluster"  # an abstract socket: free again when its holder dies, and no file to leave behind
NOT_ROOT = (
    "only root can bring the test cluster up: run it with sudo, or set KONTINUOUS_E2E_KUBECONFIG to the kubeconfig of "
    "a cluster that you have"
)


def up(cache: Path, say: Say) -> bool:
    """Bring the cluster up and wait until it is ready; say whether it was not before.

    `cache`: a folder that outlives the cluster, for its programs. Raises InfrastructureError.
    """
    if os.geteuid() != 0:
        raise InfrastructureError(NOT_ROOT)
    with _alone():
        if is_up():
            return False
        install_packages(say)
        programs = build_programs(cache, say)
        _remove()
        started = time.monotonic()
        try:
            _start(programs)
        except BaseException:
            # A test that is interrupted here must not leave half a cluster; its logs are in the error.
            _remove()
            raise
        say(f"cluster: ready in {time.monotonic() - started:.0f} s; KUBECONFIG={KUBECONFIG}")
        return True


def is_up() -> bool:
    """Say whether every part runs and the API server and the DNS server answer."""
    parts = ("etcd", "kube-apiserver", containerd_of(FIRST).name, kubelet_of(FIRST).name, *CONTROL_PLANE)
    return all(Process(part).pid for part in parts) and api_ready() and dns_ready()


def down() -> None:
    """Take everything of the cluster away but the built programs; one that is not there is fine."""
    with _alone():
        _remove()


def keep(environ: Mapping[str, str]) -> bool:
    """Say whether a cluster that was brought up for a run of tests is to stay up after it."""
    return environ.get(KEEP_VARIABLE, "") not in ("", "0")


def _start(programs: Path) -> None:
    for folder in (DATA, RUNTIME, RECORDS, LOGS, PROGRAMS):
        folder.mkdir(mode=0o700)
    (PROGRAMS / "pause").symlink_to(programs / "pause")
    for name in ("kubectl", "kubelet", "etcd", "kube-apiserver", *CONTROL_PLANE):
        (PROGRAMS / name).symlink_to(programs / "kubernetes")
    _write_documents()
    adjust_kernel()
    etcd = start_part("etcd")
    start_containerd(FIRST)
    open_ways()
    api_server = start_part("kube-apiserver")
    wait_until(api_ready, etcd, api_server)
    start_kubelet(FIRST)
    others = [start_part(name) for name in CONTROL_PLANE]
    wait_until_ready(FIRST)
    wait_until(dns_ready, *others)
    # No pod is accepted in a namespace before it has these.
    wait_until(lambda: kubectl_succeeds("get", "serviceaccount/default", "configmap/kube-root-ca.crt"), *others)


def _write_documents() -> None:
    make_certificates()
    documents.write_json(KUBECONFIG, documents.kubeconfig())
    documents.write_json(DATA / "audit-policy.json", documents.audit_policy())
    documents.write_json(DATA / "kube-proxy.json", documents.kube_proxy())
    (DATA / "Corefile").write_text(documents.corefile())


def _remove() -> None:
    # By what they are called with: one may have been started in the moment before its record would have been written.
    signs = [command[0] if command[0].startswith(f"{PROGRAMS}/") else command[-1] for command in commands().values()]
    kill_all([pid for sign in set(signs) for pid in running_with(sign)])
    for node in NODES:
        remove_node(node)
    close_ways()
    restore_kernel()
    remove_folders(DATA, RUNTIME)


@contextmanager
def _alone() -> Iterator[None]:
    """Let only one process of the machine bring the cluster up or take it away at a time."""
    with socket.socket(socket.AF_UNIX) as lock:
        while True:
            try:
                lock.bind(LOCK)
                break
            except OSError:
                time.sleep(0.2)
        yield
