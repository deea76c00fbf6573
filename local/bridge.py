"""The network bridge of our own engine: another engine on this machine may own `docker0`."""

import ipaddress
import subprocess
from pathlib import Path

from shared.errors import InfrastructureError


def make_bridge(name: str) -> None:
    """Make the bridge that containers without a network of their own get (those of `docker build`).

    One that an engine left behind is made anew: while it was down, another engine may have taken its network.
    """
    remove_bridge(name)
    address = free_address(Path("/proc/net/route").read_text())
    for arguments in (["add", "name", name, "type", "bridge"], ["set", name, "up"]):
        _ip("link", *arguments)
    _ip("address", "add", address, "dev", name)


def free_address(routes: str) -> str:
    """A private address with its /24 that overlaps no route; `routes` is /proc/net/route (hex, little endian)."""
    taken = []
    for line in routes.splitlines()[1:]:
        destination, mask = (int.from_bytes(bytes.fromhex(line.split()[i]), "little") for i in (1, 7))
        if mask:
            taken.append(ipaddress.ip_network((destination, mask.bit_count())))
    for network in ipaddress.ip_network("172.30.0.0/15").subnets(new_prefix=24):
        if not any(network.overlaps(other) for other in taken):
            return f"{network[1]}/24"
    raise InfrastructureError("no private network is free for our Docker engine: 172.30.0.0/15 is all in use")


def remove_bridge(name: str) -> None:
    """Take the bridge away; one that is not there is fine."""
    subprocess.run(["ip", "link", "delete", name], capture_output=True, check=False)


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise InfrastructureError(f"cannot make the engine's bridge: ip {' '.join(arguments)}: {done.stderr.strip()}")
