"""The control group of a node's pods: one of its own, so that no other kubelet on the machine meddles with it."""

import os
import time
from contextlib import suppress
from pathlib import Path

from tests.cluster.places import Node
from tests.cluster.process import POLL_S

ROOT = Path("/sys/fs/cgroup")
CONTROLLERS = ROOT / "cgroup.controllers"  # there under cgroup v2 alone
EMPTY_S = 2


def make_cgroup(node: Node) -> None:
    """Make the node's control group; under cgroup v1, one for every controller."""
    if CONTROLLERS.exists():
        enabled = " ".join(f"+{controller}" for controller in CONTROLLERS.read_text().split())
        (ROOT / "cgroup.subtree_control").write_text(enabled)
    for hierarchy in _hierarchies():
        (hierarchy / node.cgroup).mkdir(exist_ok=True)


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
