"""A node of the test cluster: its start, and the removal of everything that its containers leave on the machine."""

import subprocess
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from shared.errors import InfrastructureError
from tests.cluster import node_documents
from tests.cluster.cgroups import make_cgroup, remove_cgroup
from tests.cluster.components import START_S, containerd_of, kubectl_succeeds, kubelet_of, start_part, wait_until
from tests.cluster.documents import write_json
from tests.cluster.images import load_pause_image
from tests.cluster.network import make_bridge, remove_bridge
from tests.cluster.places import NODE_REGISTRY, Node
from tests.cluster.process import descendants, kill_all, running_with

CONTAINER_LOGS = Path("/var/log/containers")  # fixed in the kubelet
NETWORK_RESULTS = Path("/var/lib/cni/results")  # fixed in containerd
DEVICE_SOCKET = Path("/var/lib/kubelet/device-plugins/kubelet.sock")  # fixed in the kubelet


def start_containerd(node: Node) -> None:
    """Write the node's settings, make its bridge and start its container runtime; waits until that answers."""
    for folder in (node.data / "cni", node.data / "registries" / NODE_REGISTRY, node.runtime):
        folder.mkdir(parents=True)
    write_json(node.data / "cni" / "network.conflist", node_documents.pod_network(node))
    write_json(node.data / "kubelet.json", node_documents.kubelet(node))
    (node.data / "containerd.toml").write_text(node_documents.containerd(node))
    (node.data / "registries" / NODE_REGISTRY / "hosts.toml").write_text(node_documents.registry_host())
    make_bridge(node)
    make_cgroup(node)
    process = start_part(containerd_of(node).name)
    wait_until(node.socket.exists, process)
    load_pause_image(node)


def start_kubelet(node: Node) -> None:
    """Let the node join the cluster; returns before it is ready."""
    start_part(kubelet_of(node).name)


def wait_until_ready(node: Node) -> None:
    """Wait until the cluster sees the node ready."""
    waiting = ("wait", f"node/{node.name}", "--for=condition=Ready", f"--timeout={START_S}s")
    wait_until(lambda: kubectl_succeeds(*waiting), kubelet_of(node))


def kill_node(node: Node) -> None:
    """End the node at once, with all its containers, as a machine that loses its power; what does not run is fine."""
    kubelet_of(node).kill()
    containerd_of(node).kill()
    # A shim outlives its containerd, whose address is one of its arguments.
    shims = running_with(str(node.socket))
    kill_all([pid for shim in shims for pid in descendants(shim)] + shims)


def remove_node(node: Node) -> None:
    """Take away everything of a node, in whatever state it is."""
    kill_node(node)
    _remove_traces(node)
    _unmount_below(node.data, node.runtime)
    remove_cgroup(node)
    remove_bridge(node)
    remove_folders(node.data, node.runtime)


def _remove_traces(node: Node) -> None:
    """Remove what has its place outside of the node's folders."""
    for file in node.runtime.glob("containerd/*/k8s.io/*/address"):
        Path(file.read_text().removeprefix("unix://")).unlink(missing_ok=True)
    for sandbox in node.data.glob("containerd/io.containerd.grpc.v1.cri/sandboxes/*"):
        for file in NETWORK_RESULTS.glob(f"*-{sandbox.name}-*"):
            file.unlink()
    for link in CONTAINER_LOGS.glob("*"):
        if link.is_symlink() and link.readlink().is_relative_to(node.data):
            link.unlink()
    DEVICE_SOCKET.unlink(missing_ok=True)
    for folder in (CONTAINER_LOGS, NETWORK_RESULTS, NETWORK_RESULTS.parent, *DEVICE_SOCKET.parents[:2]):
        with suppress(OSError):  # somebody else's, or absent
            folder.rmdir()


def remove_folders(*folders: Path) -> None:
    """Remove folders, but nothing that is mounted in them: a pod may have had a folder of this machine's."""
    subprocess.run(["rm", "-rf", "--one-file-system", "--", *folders], check=True)


def _unmount_below(*folders: Path) -> None:
    if mounted := _mounts_below(folders):
        # Those within others come first. What still seems busy leaves the tree now and the kernel later.
        subprocess.run(["umount", "--lazy", "--", *reversed(mounted)], capture_output=True, check=False)
    if mounted := _mounts_below(folders):
        raise InfrastructureError(f"the test cluster's {mounted[-1]} cannot be unmounted")


def _mounts_below(folders: Iterable[Path]) -> list[str]:
    starts = tuple(f"{folder}/" for folder in folders)
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [point for line in lines if (point := line.split()[4]).startswith(starts)]
