"""What only a real etcd can show: losses of connection, tokens, rights and history."""

from collections.abc import Iterator
from threading import Event, Thread
from typing import Any

import pytest

from local.services import Services
from shared.errors import InputError, StoreError, StoreRefused
from shared.etcd_gateway import EtcdGateway
from shared.etcd_kv import EtcdKeyValue
from shared.keys import STATE
from shared.store_ports import Change, GuardedKeys
from tests.gate import Gate
from tests.waiting import wait_for

Adapter = type[EtcdKeyValue] | type[EtcdGateway]


@pytest.fixture
def gate(services: Services) -> Iterator[Gate]:
    gate = Gate(("127.0.0.1", int(services.kv_address.rpartition(":")[2])))
    yield gate
    gate.thaw()
    gate.shut()


@pytest.fixture
def etcd(services: Services, gate: Gate) -> EtcdKeyValue:
    return opened(services, gate.address)


@pytest.fixture(params=[EtcdKeyValue, EtcdGateway])
def adapter(request: pytest.FixtureRequest) -> Adapter:
    """Each way to etcd."""
    chosen: Adapter = request.param
    return chosen


@pytest.fixture
def either(services: Services, gate: Gate, adapter: Adapter) -> GuardedKeys:
    return opened(services, gate.address, adapter)


def opened(services: Services, address: str, adapter: Adapter = EtcdKeyValue) -> Any:
    return adapter(address, user="stage", password=services.credentials.etcd_stage_password, timeout_s=2.0)


def spoil_token(etcd: Any) -> None:
    """Leave the adapter with a token that etcd does not know, as after a restart of etcd."""
    if isinstance(etcd, EtcdGateway):
        etcd._token = "unknown.1"
    else:
        etcd._client.metadata = (("token", "unknown.1"),)


@pytest.mark.parametrize("address", ["etcd", "etcd:", ":2379", "etcd:x"])
def test_an_address_without_host_or_port_is_refused(adapter: Adapter, address: str) -> None:
    with pytest.raises(InputError, match="no address of etcd"):
        adapter(address)


def test_a_dead_etcd_is_a_store_error_and_then_works_again(either: GuardedKeys, gate: Gate, prefix: str) -> None:
    assert either.create(prefix + "a", b"1")
    gate.shut()
    with pytest.raises(StoreError, match="does not answer"):
        either.get(prefix + "a")
    gate.open()
    wait_for(lambda: answers(either, prefix + "a"))


def test_a_frozen_etcd_is_a_store_error(either: GuardedKeys, gate: Gate, prefix: str) -> None:
    either.create(prefix + "a", b"1")
    gate.freeze()
    with pytest.raises(StoreError, match="DEADLINE_EXCEEDED"):
        either.get(prefix + "a")


def test_an_etcd_that_is_down_at_first_is_a_store_error(
    services: Services, gate: Gate, adapter: Adapter, prefix: str
) -> None:
    gate.shut()
    etcd = opened(services, gate.address, adapter)
    with pytest.raises(StoreError, match="does not answer"):
        etcd.get(prefix)


def test_a_wrong_password_is_refused(services: Services, adapter: Adapter) -> None:
    etcd = adapter(services.kv_address, user="stage", password="wrong")
    with pytest.raises(StoreRefused, match="authentication failed"):
        etcd.get("/")


def test_a_stage_may_not_read_or_write_state_through_the_gateway_either(services: Services) -> None:
    gateway = opened(services, services.kv_address, EtcdGateway)
    for forbidden in (lambda: gateway.get(STATE + "x"), lambda: gateway.create(STATE + "x", b"")):
        with pytest.raises(StoreRefused, match="permission denied"):
            forbidden()


def test_a_stage_may_not_read_or_write_state(etcd: EtcdKeyValue) -> None:
    for forbidden in (
        lambda: etcd.get(STATE + "x"),
        lambda: etcd.create(STATE + "x", b""),
        lambda: next(etcd.watch(STATE, Event())),
    ):
        with pytest.raises(StoreRefused, match="permission denied"):
            forbidden()


def test_a_token_that_etcd_no_longer_knows_is_renewed(either: GuardedKeys, prefix: str) -> None:
    either.create(prefix + "a", b"1")
    spoil_token(either)
    assert either.create(prefix + "b", b"2")
    spoil_token(either)
    assert either.get(prefix + "b") is not None


def test_a_put_whose_answer_is_lost_is_found_to_be_done(either: GuardedKeys, gate: Gate, prefix: str) -> None:
    either.get(prefix)
    before = gate.connections
    gate.cut_at_next_answer()
    assert either.create(prefix + "a", b"1")
    assert gate.connections == before + 1, "the answer was not lost"
    entry = either.get(prefix + "a")
    assert entry is not None
    gate.cut_at_next_answer()
    assert either.replace(prefix + "a", b"2", entry.revision)
    gate.cut_at_next_answer()
    assert not either.create(prefix + "a", b"3")


class Seen:
    """What a watch yields, gathered in a thread."""

    def __init__(self, etcd: EtcdKeyValue, prefix: str) -> None:
        self.stop = Event()
        self.changes: list[Change] = []
        self._prefix = prefix
        self.thread = Thread(target=self._run, args=(etcd,), daemon=True)
        self.thread.start()

    def _run(self, etcd: EtcdKeyValue) -> None:
        for change in etcd.watch(self._prefix, self.stop):
            self.changes.append(change)

    def wait_for(self, *wanted: tuple[str, bytes | None]) -> None:
        """Wait until exactly these changes came; keys without the prefix."""
        expected = [(self._prefix + key, value) for key, value in wanted]
        wait_for(lambda: len(self.changes) >= len(expected))
        assert [(change.key, change.value) for change in self.changes] == expected


@pytest.fixture
def seen(etcd: EtcdKeyValue, prefix: str) -> Iterator[Seen]:
    seen = Seen(etcd, prefix)
    yield seen
    seen.stop.set()
    seen.thread.join(10)
    assert not seen.thread.is_alive()


def test_a_watch_goes_on_where_it_was_after_a_lost_connection(
    services: Services, gate: Gate, seen: Seen, prefix: str
) -> None:
    direct = opened(services, services.kv_address)
    direct.create(prefix + "a", b"1")
    seen.wait_for(("a", b"1"))
    gate.shut()
    direct.create(prefix + "b", b"2")
    direct.delete(prefix + "a")
    gate.open()
    seen.wait_for(("a", b"1"), ("b", b"2"), ("a", None))


def test_a_watch_with_an_old_token_renews_it(
    services: Services, etcd: EtcdKeyValue, gate: Gate, seen: Seen, prefix: str
) -> None:
    direct = opened(services, services.kv_address)
    direct.create(prefix + "a", b"1")
    seen.wait_for(("a", b"1"))
    spoil_token(etcd)
    gate.shut()
    gate.open()
    direct.create(prefix + "b", b"2")
    seen.wait_for(("a", b"1"), ("b", b"2"))


def test_a_watch_lists_again_when_its_place_was_compacted_away(
    services: Services, gate: Gate, seen: Seen, prefix: str
) -> None:
    direct = opened(services, services.kv_address)
    direct.create(prefix + "a", b"1")
    direct.create(prefix + "b", b"2")
    wait_for(lambda: len(seen.changes) == 2)
    gate.shut()
    direct.delete(prefix + "a")
    direct.create(prefix + "c", b"3")
    entry = direct.get(prefix + "c")
    assert entry is not None
    client: Any = direct._client
    client.compact(entry.revision)
    gate.open()
    seen.wait_for(("a", b"1"), ("b", b"2"), ("b", b"2"), ("c", b"3"), ("a", None))


def answers(etcd: GuardedKeys, key: str) -> bool:
    try:
        return etcd.get(key) is not None
    except StoreError:
        return False
