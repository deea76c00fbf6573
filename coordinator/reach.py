"""Where notifications may go: anywhere on the internet, and to those private addresses only that the operator names.

Whoever writes a pipeline file writes the address, and the coordinator stands where they do not: beside the Kubernetes
API, the stores, and a cloud's metadata service.
"""

import socket
from collections.abc import Collection
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from coordinator.announcements import Undeliverable
from shared.errors import InfrastructureError

_NAT64 = ip_network("64:ff9b::/96")
_PRIVATE = "its address is a private one: the operator can allow its host in NOTIFICATION_HOSTS"


class Reach:
    """What is within reach. `hosts` are patterns (`fnmatch`) of the host names whose address may be a private one."""

    def __init__(self, hosts: Collection[str] = ()) -> None:
        self._hosts = tuple(hosts)

    def check(self, host: str) -> None:
        """Resolve a host; raises Undeliverable where any of its addresses is private, InfrastructureError for none."""
        if self.is_named(host):
            return
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise InfrastructureError("the name of its host cannot be resolved") from error
        for *_, address in found:
            self.check_address(host, str(address[0]))

    def check_address(self, host: str, address: str) -> None:
        """Raises Undeliverable where `host` has this address, and may not."""
        if not self.is_named(host) and not _is_public(address):
            raise Undeliverable(_PRIVATE)

    def is_named(self, host: str) -> bool:
        """Whether the operator allows a host whatever its address."""
        return any(fnmatchcase(host.lower(), pattern.lower()) for pattern in self._hosts)


def _is_public(text: str) -> bool:
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address):
        inside = IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None
        address = inside or address.ipv4_mapped or address.sixtofour or address
    return address.is_global and not address.is_multicast
