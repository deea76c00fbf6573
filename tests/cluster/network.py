"""The bridges of the pods, the rules that let their traffic through, and the kernel's settings."""

import json
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

from shared.errors import InfrastructureError
from tests.cluster.places import FIRST, PODS, RUNTIME, SERVICES, Node

COMMENT = ("-m", "comment", "--comment", "kontinuous-cluster")
# A Docker engine on this machine drops by default what is forwarded.
RULES = (
    ("filter", "FORWARD", ("-s", PODS, "-j", "ACCEPT")),
    ("filter", "FORWARD", ("-d", PODS, "-j", "ACCEPT")),
    ("nat", "POSTROUTING", ("-s", PODS, "!", "-d", PODS, "-j", "MASQUERADE")),
)
# The chains that the kubelet, kube-proxy and the CNI plugins make, and leave behind.
CHAINS = ("KUBE-", "CNI-")
# Set by us; a Docker engine wants both too, so they stay.
NEEDED = {"net/ipv4/ip_forward": "1", "net/bridge/bridge-nf-call-iptables": "1"}
# Set by the kubelet and kube-proxy; put back as they were.
BORROWED = (
    "vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes", "net/ipv4/conf/all/route_localnet",
)  # fmt: skip
KEPT_SETTINGS = RUNTIME / "kernel-settings.json"


def make_bridge(node: Node) -> None:
    """Make a node's bridge with its address; traffic to Services leaves by the first node's."""
    _run("ip", "link", "add", "name", node.bridge, "type", "bridge")
    _run("ip", "address", "add", f"{node.address}/{node.pods.partition('/')[2]}", "dev", node.bridge)
    _run("ip", "link", "set", node.bridge, "up")
    if node == FIRST:
        _run("ip", "route", "add", SERVICES, "dev", node.bridge)


def remove_bridge(node: Node) -> None:
    """Take a node's bridge away, with its routes; one that is not there is fine."""
    subprocess.run(["ip", "link", "delete", node.bridge], capture_output=True, check=False)


def open_ways() -> None:
    """Let the pods' traffic through."""
    for table, chain, rule in RULES:
        _run("iptables", "-w", "-t", table, "-I", chain, *rule, *COMMENT)


def close_ways() -> None:
    """Take away every rule and chain of the cluster's; what is not there is fine."""
    for program in ("iptables", "ip6tables"):
        for table in ("nat", "filter", "mangle"):
            saved = subprocess.run([f"{program}-save", "-t", table], capture_output=True, text=True, check=False).stdout
            if removal := removal_of_rules(saved):
                _run(f"{program}-restore", "-w", "--noflush", given=f"*{table}\n{removal}COMMIT\n")


def removal_of_rules(saved: str) -> str:
    """What iptables-restore needs to take the cluster's rules and chains out of a table that iptables-save printed."""
    lines = saved.splitlines()
    chains = [line[1:].split()[0] for line in lines if line.startswith(":") and line[1:].startswith(CHAINS)]
    ours = [
        line
        for line in lines
        if line.startswith("-A ")
        and not line.startswith(tuple(f"-A {start}" for start in CHAINS))
        and (COMMENT[-1] in line or any(f"-j {start}" in line for start in CHAINS))
    ]
    deleted = [line.replace("-A ", "-D ", 1) for line in ours]
    return "".join(f"{line}\n" for line in (*deleted, *(f"-F {c}" for c in chains), *(f"-X {c}" for c in chains)))


def adjust_kernel() -> None:
    """Set what the cluster needs, and keep what its parts are going to change."""
    kept = {name: file.read_text() for name in BORROWED if (file := Path("/proc/sys", name)).exists()}
    KEPT_SETTINGS.write_text(json.dumps(kept))
    if modprobe := shutil.which("modprobe"):  # absent where the kernel has all built in
        subprocess.run([modprobe, "-a", "br_netfilter", "overlay"], capture_output=True, check=False)
    for name, value in NEEDED.items():
        file = Path("/proc/sys", name)
        if not file.exists():
            raise InfrastructureError(f"/proc/sys/{name} is not there: the test cluster needs the module br_netfilter")
        file.write_text(value)


def restore_kernel() -> None:
    """Put back what `adjust_kernel` kept."""
    with suppress(FileNotFoundError):
        for name, value in json.loads(KEPT_SETTINGS.read_text()).items():
            Path("/proc/sys", name).write_text(value)
        KEPT_SETTINGS.unlink()


def _run(*command: str, given: str | None = None) -> None:
    try:
        done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    except OSError as error:
        raise InfrastructureError(f"{command[0]} cannot be run: {error}") from error
    if done.returncode != 0:
        raise InfrastructureError(f"`{' '.join(command)}` failed: {done.stderr.strip()}")
