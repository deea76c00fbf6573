"""What every GuardedKeys does: the part of etcd that a stage uses."""

from concurrent.futures import ThreadPoolExecutor

from shared.store_ports import GuardedKeys
from tests.contract.test_key_value import there


def test_create_writes_a_key_once(guarded_keys: GuardedKeys, prefix: str) -> None:
    assert guarded_keys.create(prefix + "a", b"\x00first\xff")
    assert not guarded_keys.create(prefix + "a", b"second")
    assert there(guarded_keys.get(prefix + "a")).value == b"\x00first\xff"


def test_create_refuses_even_the_value_that_is_there(guarded_keys: GuardedKeys, prefix: str) -> None:
    assert guarded_keys.create(prefix + "a", b"same")
    assert not guarded_keys.create(prefix + "a", b"same")


def test_a_write_returns_the_revision_that_its_key_has(guarded_keys: GuardedKeys, prefix: str) -> None:
    first = guarded_keys.create(prefix + "a", b"1")
    assert there(guarded_keys.get(prefix + "a")).revision == first
    guarded_keys.create(prefix + "b", b"1")
    second = guarded_keys.replace(prefix + "a", b"2", first)
    assert there(guarded_keys.get(prefix + "a")).revision == second > first
    assert guarded_keys.replace(prefix + "a", b"3", second)


def test_replace_needs_the_revision_that_is_there(guarded_keys: GuardedKeys, prefix: str) -> None:
    guarded_keys.create(prefix + "a", b"1")
    first = there(guarded_keys.get(prefix + "a")).revision
    assert guarded_keys.replace(prefix + "a", b"2", first)
    assert not guarded_keys.replace(prefix + "a", b"3", first)
    now = there(guarded_keys.get(prefix + "a"))
    assert now.value == b"2"
    assert now.revision > first


def test_replace_of_an_absent_key_does_nothing(guarded_keys: GuardedKeys, prefix: str) -> None:
    assert not guarded_keys.replace(prefix + "a", b"1", 7)
    assert guarded_keys.get(prefix + "a") is None


def test_of_many_writers_of_one_revision_one_wins(guarded_keys: GuardedKeys, prefix: str) -> None:
    guarded_keys.create(prefix + "a", b"0")
    revision = there(guarded_keys.get(prefix + "a")).revision
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda n: guarded_keys.replace(prefix + "a", b"%d" % n, revision), range(24)))
    (winner,) = (number for number, revision in enumerate(won) if revision)
    assert there(guarded_keys.get(prefix + "a")).value == b"%d" % winner
    assert there(guarded_keys.get(prefix + "a")).revision == won[winner]
