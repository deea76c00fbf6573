"""etcd's JSON gateway (https://etcd.io/docs/v3.5/dev-guide/api_grpc_gateway), as far as a stage needs etcd.

A stage makes four calls in its life. Importing `etcd3` with gRPC for them took a quarter of its CPU time, and this
takes what Python has. The coordinator, which watches, uses `shared.etcd_kv`.
"""

import http.client
import json
import time
from base64 import b64decode, b64encode
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from shared.errors import StoreRefused
from shared.etcd_calls import TokenRefusedError, error_of, host_and_port, is_absent, is_at, put_once
from shared.store_ports import Entry

Json = Any

_KEPT_S = 10.0  # whatever stands between may forget a connection that is idle for long

_CODES = {
    3: "INVALID_ARGUMENT",
    7: "PERMISSION_DENIED",
    8: "RESOURCE_EXHAUSTED",
    9: "FAILED_PRECONDITION",
    16: "UNAUTHENTICATED",
}


class EtcdGateway:
    """One etcd. Calls in quick succession share a connection. Implements `shared.store_ports.GuardedKeys`."""

    def __init__(self, address: str, *, user: str = "", password: str = "", timeout_s: float = 5.0) -> None:
        """`address` is `host:port`; without `user` etcd is used without authentication. Raises InputError."""
        self._host, self._port = host_and_port(address)
        self._address = address
        self._login = {"name": user, "password": password} if user else None
        self._timeout_s = timeout_s
        self._token = ""
        self._idle: list[tuple[http.client.HTTPConnection, float]] = []  # each since when

    def get(self, key: str) -> Entry | None:
        """Read one key; raises StoreError."""
        found = self._call("/v3/kv/range", {"key": _text(key.encode())}).get("kvs")
        return _entry(key, found[0]) if found else None

    def create(self, key: str, value: bytes) -> int:
        """Write a key that must not exist yet; returns its revision, 0 where it did. Raises StoreError."""
        guard = {"target": "CREATE", "create_revision": "0"}
        return put_once(lambda: self._put(key, value, guard), lambda: self.get(key), value, is_absent)

    def replace(self, key: str, value: bytes, revision: int) -> int:
        """Write a key that must still be at `revision`; returns the new one, 0 where it was not. Raises StoreError."""
        guard = {"target": "MOD", "mod_revision": str(revision)}
        return put_once(lambda: self._put(key, value, guard), lambda: self.get(key), value, is_at(revision))

    def _put(self, key: str, value: bytes, guard: Mapping[str, str]) -> int:
        name = _text(key.encode())
        compare = {"key": name, "result": "EQUAL", **guard}
        put = {"request_put": {"key": name, "value": _text(value)}}
        answer = self._call("/v3/kv/txn", {"compare": [compare], "success": [put]})
        # Of a transaction that wrote, the store's revision is that of what was written.
        return int(answer["header"]["revision"]) if answer.get("succeeded") else 0

    def _call(self, path: str, body: Json) -> Json:
        """Call with a token; one that is refused is renewed, once."""
        if self._login is None:
            return self._ask(path, body)
        if self._token:
            try:
                return self._ask(path, body)
            except TokenRefusedError:
                self._token = ""
        self._token = self._ask("/v3/auth/authenticate", self._login)["token"]
        return self._ask(path, body)

    def _ask(self, path: str, body: Json) -> Json:
        headers = {"Content-Type": "application/json", **({"Authorization": self._token} if self._token else {})}
        connection = self._connected()
        try:
            connection.request("POST", path, json.dumps(body), headers)
            answer = connection.getresponse()
            status, text = answer.status, answer.read()
        except TimeoutError as error:
            connection.close()
            raise error_of(self._address, "DEADLINE_EXCEEDED", str(error)) from error
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise error_of(self._address, "UNAVAILABLE", str(error) or type(error).__name__) from error
        self._idle.append((connection, time.monotonic()))
        return self._read(status, text)

    def _connected(self) -> http.client.HTTPConnection:
        """A connection from before, but none that was idle for long: it may be dead."""
        while self._idle:
            connection, since = self._idle.pop()
            if time.monotonic() - since < _KEPT_S:
                return connection
            connection.close()
        return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout_s)

    def _read(self, status: int, text: bytes) -> Json:
        """The answer's JSON; raises what an error in it means."""
        try:
            answer = json.loads(text)
        except ValueError as error:
            if status == HTTPStatus.NOT_FOUND:
                raise StoreRefused(f"etcd at {self._address} has no JSON gateway: it must not be turned off") from error
            raise error_of(self._address, f"HTTP {status}", "no JSON") from error
        if status == HTTPStatus.OK:
            return answer
        code, details = answer.get("code"), str(answer.get("message") or answer.get("error") or "")
        raise error_of(self._address, _CODES.get(code, f"HTTP {status}"), details)


def _text(data: bytes) -> str:
    return b64encode(data).decode()


def _entry(key: str, item: Mapping[str, str]) -> Entry:
    return Entry(key, b64decode(item.get("value", "")), int(item["mod_revision"]))
