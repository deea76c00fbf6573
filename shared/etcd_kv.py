"""The KeyValue port over etcd, by way of `etcd3`.

`etcd3` is used for what it does well (messages, transactions, authentication) and kept from what it does not: its
call credentials go over TLS only, so the token travels as metadata; its watcher never resumes, so `shared.etcd_watch`
has a small one of its own; it hangs without a timeout, so every call has one.
"""

import os
from collections.abc import Callable, Iterator
from threading import Event, Lock
from typing import Any, TypeVar

from shared.errors import StoreError
from shared.etcd_calls import TokenRefusedError, error_of, host_and_port, is_absent, is_at, put_once
from shared.etcd_messages import prepare_messages
from shared.etcd_watch import ResumingWatch, Stream
from shared.store_ports import Change, Entry

T = TypeVar("T")

# etcd3 and its gRPC messages carry no types.
Client = Any
Message = Any

CALL_TIMEOUT_S = 5.0
PAGE = 100
"""So many keys are read at once: their values have up to 512 KiB each."""

_CHANNEL_OPTIONS = (
    ("grpc.max_receive_message_length", -1),  # a page has many values of up to 512 KiB
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.keepalive_time_ms", 10_000),  # etcd allows one in 5 s; finds a peer that vanished without a word
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),  # a proxy of the environment's is for the way out of the cluster
)


class EtcdKeyValue:
    """One etcd, for any number of threads. Nothing is connected before the first call."""

    def __init__(self, address: str, *, user: str = "", password: str = "", timeout_s: float = CALL_TIMEOUT_S) -> None:
        """`address` is `host:port`; without `user` etcd is used without authentication. Raises InputError."""
        self._host, self._port = host_and_port(address)
        self._address = address
        self._login = (user, password) if user else None
        self._timeout_s = timeout_s
        self._lock = Lock()
        self._client: Client = None

    def get(self, key: str) -> Entry | None:
        """Read one key; raises StoreError."""
        answer = self._call(lambda client: client.get_response(key))
        return _entry(answer.kvs[0]) if answer.kvs else None

    def list(self, prefix: str) -> tuple[Entry, ...]:
        """Read all keys below `prefix`, in key order; raises StoreError."""
        return tuple(self.scan(prefix))

    def scan(self, prefix: str) -> Iterator[Entry]:
        """Yield all keys below `prefix` as they were at one moment, in key order; raises StoreError at any of them."""
        return self._snapshot(prefix)[0]

    def revisions(self, prefix: str) -> dict[str, int]:
        """The `mod_revision` of each key below `prefix`, in key order; raises StoreError."""
        answer = self._call(lambda client: client.get_prefix_response(prefix, keys_only=True))
        return {item.key.decode(): item.mod_revision for item in answer.kvs}

    def span(self, first: str, end: str) -> tuple[Entry, ...]:
        """Read the keys from `first` on that come before `end`, in key order; raises StoreError."""
        answer = self._call(lambda client: client.get_range_response(first, end))
        return tuple(_entry(item) for item in answer.kvs)

    def create(self, key: str, value: bytes) -> int:
        """Write a key that must not exist yet; returns its revision, 0 where it did. Raises StoreError."""
        return self._write(key, value, lambda of: of.create(key) == 0, is_absent)

    def replace(self, key: str, value: bytes, revision: int) -> int:
        """Write a key that must still be at `revision`; returns the new one, 0 where it was not. Raises StoreError."""
        return self._write(key, value, lambda of: of.mod(key) == revision, is_at(revision))

    def delete(self, key: str, revision: int | None = None) -> bool:
        """Remove a key; False where there was none, or where it is not at `revision`. Raises StoreError."""
        if revision is None:
            return bool(self._call(lambda client: client.delete(key)))
        done, _ = self._call(
            lambda client: _guarded(client, lambda of: of.mod(key) == revision, lambda of: of.delete(key))
        )
        return done

    def watch(self, prefix: str, stop: Event) -> Iterator[Change]:
        """Yield all that is there below `prefix`, then what changes, until `stop` is set; see KeyValue.watch."""
        return ResumingWatch(prefix, stop, lambda: self._snapshot(prefix), self._open_watch).changes()

    def close(self) -> None:
        """Drop the connection; a later call makes a new one."""
        with self._lock:
            if self._client is not None:
                self._client.close()
            self._client = None

    def _snapshot(self, prefix: str) -> tuple[Iterator[Entry], int]:
        """All entries below `prefix`, read page by page as they are asked for, and the store's revision then."""
        first = self._page(prefix, prefix, 0)
        revision = int(first.header.revision)
        return self._entries(prefix, first, revision), revision

    def _entries(self, prefix: str, page: Message, revision: int) -> Iterator[Entry]:
        yield from map(_entry, page.kvs)
        while page.more:
            page = self._page(prefix, page.kvs[-1].key + b"\0", revision)
            yield from map(_entry, page.kvs)

    def _page(self, prefix: str, start: str | bytes, revision: int) -> Message:
        def ask(client: Client) -> Message:
            from etcd3 import etcdrpc, utils

            # Not by etcd3's own call, which takes a limit and a revision and asks for neither.
            wanted = etcdrpc.RangeRequest(
                key=utils.to_bytes(start),
                range_end=utils.increment_last_byte(utils.to_bytes(prefix)),
                limit=PAGE,
                revision=revision,
            )
            return client.kvstub.Range(wanted, self._timeout_s, metadata=client.metadata)

        return self._call(ask)

    def _write(
        self, key: str, value: bytes, guard: Callable[[Any], object], may_repeat: Callable[[Entry | None], bool]
    ) -> int:
        def put() -> int:
            done, answers = self._call(lambda client: _guarded(client, guard, lambda of: of.put(key, value)))
            return int(answers[0].response_put.header.revision) if done else 0

        return put_once(put, lambda: self.get(key), value, may_repeat)

    def _open_watch(self, prefix: str, revision: int) -> Stream:
        client = self._connected()
        from etcd3 import etcdrpc, utils

        start = utils.to_bytes(prefix)
        wanted = etcdrpc.WatchCreateRequest(
            key=start, range_end=utils.increment_last_byte(start), start_revision=revision
        )
        stub = etcdrpc.WatchStub(client.channel)
        return stub.Watch(_requests(etcdrpc.WatchRequest(create_request=wanted)), metadata=client.metadata)

    def _call(self, action: Callable[[Client], T]) -> T:
        """Run one request, authenticating anew once if the token is not taken; raises StoreError or StoreRefused."""
        client = self._connected()
        token = client.metadata
        try:
            return self._translated(action, client)
        except TokenRefusedError:
            self._authenticate(client, token)
        try:
            return self._translated(action, client)
        except TokenRefusedError as error:
            raise StoreError(f"etcd at {self._address} does not take the token it gave: {error}") from error

    def _translated(self, action: Callable[[Client], T], client: Client) -> T:
        import grpc  # type: ignore[import-untyped]
        from etcd3 import exceptions

        try:
            return action(client)
        except grpc.RpcError as error:
            raise self._error(error) from error
        except exceptions.Etcd3Exception as error:
            # etcd3 keeps the reason only as the exception that it replaced.
            cause = error.__context__
            raise (self._error(cause) if isinstance(cause, grpc.RpcError) else StoreError(repr(error))) from error

    def _error(self, error: Message) -> StoreError:
        return error_of(self._address, error.code().name, error.details() or "")

    def _connected(self) -> Client:
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _connect(self) -> Client:
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
        prepare_messages()
        import etcd3

        client = etcd3.client(self._host, self._port, timeout=self._timeout_s, grpc_options=_CHANNEL_OPTIONS)
        try:
            self._log_in(client)
        except StoreError:
            client.close()
            raise
        return client

    def _authenticate(self, client: Client, refused: object) -> None:
        """Get a new token, unless another thread has replaced the `refused` one meanwhile."""
        with self._lock:
            if client.metadata is refused:
                self._log_in(client)

    def _log_in(self, client: Client) -> None:
        if self._login is None:
            return
        from etcd3 import etcdrpc

        request = etcdrpc.AuthenticateRequest(name=self._login[0], password=self._login[1])
        stub = etcdrpc.AuthStub(client.channel)
        answer = self._translated(lambda _: stub.Authenticate(request, self._timeout_s), client)
        client.metadata = (("token", answer.token),)


def _guarded(
    client: Client, guard: Callable[[Any], object], action: Callable[[Any], object]
) -> tuple[bool, list[Message]]:
    """Do what is asked for if the guard holds, in one transaction; whether it did, and the answer to what was done."""
    operations = client.transactions
    done, answers = client.transaction(compare=[guard(operations)], success=[action(operations)], failure=[])
    return bool(done), answers


def _entry(item: Message) -> Entry:
    return Entry(item.key.decode(), item.value, item.mod_revision)


def _requests(first: object) -> Iterator[object]:
    """One request; the stream's sending side then ends, which etcd allows while it goes on sending."""
    yield first
