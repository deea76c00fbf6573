"""One POST to an address that somebody else chose: guarded, and over in a limited time whatever is there.

Only http and https, no redirect, no login of a .netrc; a private address is refused before anything is sent to it, also
where a name changes its address in between. Proxies of the environment are used: then they decide what is within reach.
"""

import logging
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies, select_proxy
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from coordinator.announcements import Undeliverable
from coordinator.reach import Reach
from shared.errors import InfrastructureError

TIMEOUTS_S = (5.0, 10.0)
"""To connect, and for each part of the answer."""
TOTAL_S = 20.0
"""For everything after the name is resolved."""
MOST_BYTES = 1024
"""So much of an answer is read."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    text: str


def post(url: str, body: Mapping[str, Any], reach: Reach, total_s: float = TOTAL_S) -> Answer:
    """Post JSON. Raises Undeliverable for an address that is none or may not be reached, InfrastructureError for no
    answer; neither names the address."""
    host = _host(url)
    proxied = select_proxy(url, get_environ_proxies(url)) is not None
    if not proxied:
        reach.check(host)
    with ExitStack() as stack:
        session = stack.enter_context(requests.Session())
        line = stack.enter_context(_Line(total_s))

        def opened(connection: socket.socket) -> None:
            line.add(connection)
            if not proxied:
                reach.check_address(host, str(connection.getpeername()[0]))

        for scheme in ("https://", "http://"):
            session.mount(scheme, _Adapter(opened))
        try:
            sent = session.post(
                url, json=body, timeout=TIMEOUTS_S, allow_redirects=False, stream=True, auth=lambda request: request
            )
            return Answer(sent.status_code, sent.headers, sent.raw.read(MOST_BYTES).decode(errors="replace"))
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:  # their texts hold the address
            raise InfrastructureError("it took too long" if line.cut else _cause(error)) from None


def keep_addresses_out_of_the_log() -> None:
    """Have urllib3, in the whole process, say nothing of a server with broken headers: it would name the address."""
    logging.getLogger("urllib3.connection").setLevel(logging.ERROR)


def _host(url: str) -> str:
    """The host that requests would connect to: its own reading of the address counts, not another parser's."""
    try:
        parts = urlsplit(requests.Request("POST", url).prepare().url or "")
        host, _ = parts.hostname, parts.port
    except (requests.RequestException, ValueError):
        host, parts = None, urlsplit("")
    if parts.scheme not in ("https", "http") or not host:
        raise Undeliverable("its `url` is no https:// or http:// address")
    return host


def _cause(error: Exception) -> str:
    match error:
        case requests.Timeout():
            return "it took too long"
        case requests.exceptions.SSLError():
            return "its certificate is not trusted"
        case requests.exceptions.ProxyError():
            return "the proxy does not let us through"
        case _:
            return "there is no connection, or it broke off"


class _Line:
    """The connections of one request; they are cut when the time is over."""

    def __init__(self, limit_s: float) -> None:
        self.cut = False
        self._open: list[socket.socket] = []
        self._timer = threading.Timer(limit_s, self._end)

    def __enter__(self) -> "_Line":
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def add(self, connection: socket.socket) -> None:
        self._open.append(connection)

    def _end(self) -> None:
        self.cut = True
        for connection in self._open:
            with suppress(OSError):  # it may be closed already
                connection.shutdown(socket.SHUT_RDWR)


class _Adapter(HTTPAdapter):
    """Shows each connection to `opened`, before anything is said on it."""

    def __init__(self, opened: Callable[[socket.socket], None]) -> None:
        self._pools = _pools(opened)
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, *args: Any, **options: Any) -> Any:
        manager = super().proxy_manager_for(*args, **options)
        manager.pool_classes_by_scheme = self._pools
        return manager


def _pools(opened: Callable[[socket.socket], None]) -> dict[str, type[HTTPConnectionPool]]:
    class Seen(HTTPConnection):
        def _new_conn(self) -> socket.socket:  # as urllib3's own SOCKS connections do it
            connection = super()._new_conn()
            opened(connection)
            return connection

    class Plain(HTTPConnectionPool):
        ConnectionCls = Seen

    class SeenTls(HTTPSConnection, Seen):
        pass

    class Tls(HTTPSConnectionPool):
        ConnectionCls = SeenTls

    return {"http": Plain, "https": Tls}
