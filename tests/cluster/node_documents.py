"""The configuration files of a node: its kubelet, its containerd and the network of its pods."""

from typing import Any

from tests.cluster import certificates
from tests.cluster.places import DOMAIN, HOST, KUBELET_HEALTH_PORT, KUBELET_PORT, NODE_REGISTRY, PAUSE_IMAGE, Node


def kubelet(node: Node) -> dict[str, Any]:
    """A kubelet that evicts and removes images only on a machine that is really full, and lets anybody's images be."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": node.address,
        "port": KUBELET_PORT,
        "healthzPort": KUBELET_HEALTH_PORT + node.number,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(certificates.AUTHORITY)},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{node.cgroup}",
        "failSwapOn": False,
        "failCgroupV1": False,
        "containerRuntimeEndpoint": f"unix://{node.socket}",
        "clusterDNS": [HOST],
        "clusterDomain": DOMAIN,
        "resolvConf": "/etc/resolv.conf",
        "podLogsDir": str(node.data / "pod-logs"),
        "volumePluginDir": str(node.data / "volume-plugins"),
        "serializeImagePulls": False,
        # An image that was loaded under two names is one image, whoever pulled it first.
        "imagePullCredentialsVerificationPolicy": "NeverVerify",
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "maxPods": 250,
    }


def pod_network(node: Node) -> dict[str, Any]:
    """The CNI plugins of a node. What leaves the machine gets its address by a rule of ours, not one for each pod."""
    addresses = {
        "type": "host-local",
        "dataDir": str(node.data / "addresses"),
        "ranges": [[{"subnet": node.pods, "gateway": node.address}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {"type": "bridge", "bridge": node.bridge, "isGateway": True, "hairpinMode": True, "ipam": addresses}
    host_ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "0.4.0", "name": node.bridge, "plugins": [bridge, host_ports]}


def containerd(node: Node) -> str:
    """A containerd of our own, beside any other on this machine."""
    return f"""\
version = 2
root = "{node.data}/containerd"
state = "{node.runtime}/containerd"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
]
[grpc]
  address = "{node.socket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "{node.data}/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  # Without CAP_SYS_RESOURCE, as in many a container, nobody may lower a score.
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{node.data}/cni"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{node.data}/registries"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      Root = "{node.runtime}/runc"
"""


def registry_host() -> str:
    """How containerd speaks to the internal registry."""
    return f"""\
server = "http://{NODE_REGISTRY}"
[host."http://{NODE_REGISTRY}"]
  capabilities = ["pull", "resolve"]
"""
