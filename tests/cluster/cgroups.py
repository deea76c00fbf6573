"""The control group of a node, so that no other kubelet on the machine meddles with it, and its share of the CPU.

It is laid out as on a machine with systemd: the pods together weigh against the node's own programs as a whole. Were
these in no group, each of the many that start a container would weigh as much as all pods. The control plane is
outside, as on machines of its own.
"""

import os
import time
from contextlib import suppress
from pathlib import Path

from tests.cluster.places import Node
from tests.cluster.process import POLL_S

ROOT = Path("/sys/fs/cgroup")
CONTROLLERS = ROOT / "cgroup.controllers"  # there under cgroup v2 alone
EMPTY_S = 2
SYSTEM = "system"


def make_cgroup(node: Node) -> None:
    """Make the node's control group; under cgroup v1, one for every controller."""
    if CONTROLLERS.exists():
        enabled = " ".join(f"+{controller}" for controller in CONTROLLERS.read_text().split())
        (ROOT / "cgroup.subtree_control").write_text(enabled)
    for hierarchy in _hierarchies():
        (hierarchy / node.cgroup).mkdir(exist_ok=True)
    _system(node).mkdir(exist_ok=True)


def join_system(node: Node, pid: int) -> None:
    """Make a process, and what it will start, one of the node's own programs; 0 is one that has ended."""
    if pid:  # the kernel would take 0 for the writer itself
        (_system(node) / "cgroup.procs").write_text(str(pid))


def _system(node: Node) -> Path:
    return (ROOT if CONTROLLERS.exists() else ROOT / "cpu") / node.cgroup / SYSTEM


def remove_cgroup(node: Node) -> None:
    """Remove the node's control group with all below it; one that is not there is fine."""
    for hierarchy in _hierarchies():
        for folder, _, _ in os.walk(hierarchy / node.cgroup, topdown=False):
            _remove(Path(folder))


def _hierarchies() -> list[Path]:
    return [ROOT] if CONTROLLERS.exists() else [path for path in ROOT.iterdir() if path.is_mount()]


def _remove(folder: Path) -> None:
    """Remove one that may still hold a process that was killed a moment ago."""
    deadline = time.monotonic() + EMPTY_S
    while folder.exists() and time.monotonic() < deadline:
        with suppress(OSError):
            folder.rmdir()
            return
        time.sleep(POLL_S)
