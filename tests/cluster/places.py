"""Where the test cluster keeps its things and listens. There is one such cluster on a machine, hence fixed names.

Its addresses are those of its own bridges, so nothing of it can be reached from other machines.
"""

from dataclasses import dataclass
from pathlib import Path

DATA = Path("/var/lib/kontinuous-cluster")
RUNTIME = Path("/run/kontinuous-cluster")  # sockets: their paths must stay below 108 characters
RECORDS = RUNTIME / "processes"
LOGS = DATA / "logs"
CERTIFICATES = DATA / "certificates"
PROGRAMS = DATA / "bin"
KUBECONFIG = DATA / "kubeconfig"
AUDIT_LOG = DATA / "audit.log"

PODS = "10.88.0.0/16"
SERVICES = "10.96.0.0/16"
KUBERNETES_SERVICE = "10.96.0.1"
# The first node's address: the API server, the DNS server and the tests' stand-ins listen there.
HOST = "10.88.0.1"
DOMAIN = "cluster.local"

API_PORT = 16443
ETCD_PORT = 16379
ETCD_PEER_PORT = 16380
DNS_READY_PORT = 16381
PROXY_HEALTH_PORT = 16256
PROXY_METRICS_PORT = 16249
KUBELET_PORT = 16250
KUBELET_HEALTH_PORT = 16260  # plus the node's number

# The internal registry's NodePort: containerd reaches it by this name, over plain HTTP.
NODE_REGISTRY = "localhost:30500"
PAUSE_IMAGE = "kontinuous.test/pause:1"


@dataclass(frozen=True, slots=True)
class Node:
    """A kubelet and its containerd. Two may run on one machine, each with a bridge and a part of the pods' network."""

    number: int
    address: str
    pods: str

    @property
    def name(self) -> str:
        """Its name in the cluster."""
        return f"node{self.number}"

    @property
    def bridge(self) -> str:
        """The bridge of its pods; its address is the node's."""
        return f"kontinuous{self.number}"

    @property
    def cgroup(self) -> str:
        """The control group, below the machine's topmost, that holds its pods."""
        return f"kontinuous-{self.name}"

    @property
    def data(self) -> Path:
        """Everything on disk that belongs to this node."""
        return DATA / self.name

    @property
    def runtime(self) -> Path:
        """The sockets and the state of its containerd."""
        return RUNTIME / self.name

    @property
    def socket(self) -> Path:
        """Where its containerd listens."""
        return self.runtime / "containerd.sock"


FIRST = Node(1, HOST, "10.88.0.0/17")
SECOND = Node(2, "10.88.128.1", "10.88.128.0/17")
NODES = (FIRST, SECOND)
