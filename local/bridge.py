"""The network bridge of our own engine: another engine on this machine may own `docker0`."""

import ipaddress
import shlex
import subprocess
import zlib
from pathlib import Path

from shared.errors import InfrastructureError


def make_bridge(name: str) -> str:
    """Make the bridge that containers without a network of their own get (those of `docker build`).

    One that an engine left behind is made anew: while it was down, another engine may have taken its network.
    Returns its address as `ip` writes it, such as 172.30.4.1/24: for one name the same again, as long as it is free.
    """
    remove_bridge(name)
    address = free_address(Path("/proc/net/route").read_text(), zlib.crc32(name.encode()))
    for arguments in (["add", "name", name, "type", "bridge"], ["set", name, "up"]):
        _ip("link", *arguments)
    _ip("address", "add", address, "dev", name)
    return address


def address_of(name: str) -> str:
    """The IPv4 address that a bridge has, as `make_bridge` returns it; "" where it has none."""
    words = _ip("-4", "-brief", "address", "show", "dev", name).split()
    return words[2] if len(words) > 2 else ""


def free_address(routes: str, first: int) -> str:
    """A private address with its /24 that overlaps no route; `routes` is /proc/net/route (hex, little endian).

    Of the networks there are, the one numbered `first` is looked at first, then those after it.
    """
    taken = []
    for line in routes.splitlines()[1:]:
        destination, mask = (int.from_bytes(bytes.fromhex(line.split()[i]), "little") for i in (1, 7))
        if mask:
            taken.append(ipaddress.ip_network((destination, mask.bit_count())))
    networks = list(ipaddress.IPv4Network("172.30.0.0/15").subnets(new_prefix=24))
    start = first % len(networks)
    for network in networks[start:] + networks[:start]:
        if not any(network.overlaps(other) for other in taken):
            return f"{network[1]}/24"
    raise InfrastructureError("no private network is free for our Docker engine: 172.30.0.0/15 is all in use")


def remove_bridge(name: str) -> None:
    """Take the bridge away, and the rules of the packet filter that an engine made for it; none there is fine."""
    subprocess.run(["ip", "link", "delete", name], capture_output=True, check=False)
    for table in ("filter", "nat"):
        listed = subprocess.run(
            ["iptables", "--wait", "--table", table, "--list-rules"], capture_output=True, text=True, check=False
        )
        for rule in map(shlex.split, listed.stdout.splitlines()):
            if name in rule and rule[0] == "-A":
                words = ["iptables", "--wait", "--table", table, "--delete", *rule[1:]]
                subprocess.run(words, capture_output=True, check=False)


def _ip(*arguments: str) -> str:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise InfrastructureError(f"the engine's bridge: ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout
