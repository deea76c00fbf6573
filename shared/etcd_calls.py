"""What both ways to etcd have in common: its address, its refusals, and how to repeat a put whose answer was lost."""

import time
from collections.abc import Callable

from shared.errors import InputError, StoreError, StoreRefused
from shared.store_ports import Entry

_PAUSE_S = 0.3
_LOOK_FOR_S = 1.0

_REFUSALS = ("PERMISSION_DENIED", "INVALID_ARGUMENT", "FAILED_PRECONDITION", "RESOURCE_EXHAUSTED")


class TokenRefusedError(StoreError):
    """The token is too old, or from before a restart of etcd."""


def host_and_port(address: str) -> tuple[str, int]:
    """Read `host:port`; raises InputError."""
    host, _, port = address.removeprefix("http://").rstrip("/").rpartition(":")
    if not host or not port.isdigit():
        raise InputError(f"{address!r} is no address of etcd; it has the form host:port")
    return host, int(port)


def error_of(address: str, code: str, details: str) -> StoreError:
    """What one of gRPC's status codes (https://grpc.io/docs/guides/status-codes) from etcd means."""
    if code == "UNAUTHENTICATED" or "auth store is old" in details or "user name is empty" in details:
        return TokenRefusedError(details)
    if code in _REFUSALS:
        return StoreRefused(f"etcd at {address} answers {code}: {details}")
    return StoreError(f"etcd at {address} does not answer ({code}: {details})")


def put_once(
    put: Callable[[], int],
    get: Callable[[], Entry | None],
    value: bytes,
    may_repeat: Callable[[Entry | None], bool],
) -> int:
    """Put under a guard, and return the revision, or 0 where the guard did not hold.

    A put whose answer was lost may have been applied: look before repeating it. `may_repeat` says of what is there
    whether the guard would still hold. Raises StoreError.
    """
    try:
        return put()
    except StoreRefused:
        raise
    except StoreError:
        there = _look(get)
        if there is not None and there.value == value:
            return there.revision
        if not may_repeat(there):
            return 0
    return put()


def is_absent(there: Entry | None) -> bool:
    """The guard of a create."""
    return there is None


def is_at(revision: int) -> Callable[[Entry | None], bool]:
    """The guard of a replace."""
    return lambda there: there is not None and there.revision == revision


def _look(get: Callable[[], Entry | None]) -> Entry | None:
    """Read a key right after a call was lost: the connection may need a moment. Raises StoreError."""
    give_up = time.monotonic() + _LOOK_FOR_S
    while True:
        try:
            return get()
        except StoreError:
            if time.monotonic() + _PAUSE_S > give_up:
                raise
            time.sleep(_PAUSE_S)
