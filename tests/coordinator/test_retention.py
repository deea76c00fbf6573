"""Retention: the newest finished builds stay, older ones go with all they left behind."""

from dataclasses import replace

import pytest

from coordinator.retention import Retention
from coordinator.store import BuildStore
from shared import keys
from shared.errors import StoreError
from shared.model import Repository
from tests.coordinator.samples import REPOSITORY, build
from tests.fakes.stores import FakeKeyValue, FakeObjects

OTHER = Repository("local", "ab12", "other")
DONE = "2026-01-31T12:00:00.000Z"


def nothing(namespace: str, secret: str) -> None:
    """No Secret is there to be removed."""


@pytest.fixture
def store() -> BuildStore:
    return BuildStore(FakeKeyValue())


@pytest.fixture
def objects() -> FakeObjects:
    return FakeObjects()


def fill(store: BuildStore, objects: FakeObjects, repository: Repository, finished: list[bool]) -> None:
    store.create_pipeline(repository, "")
    for done in finished:
        made = store.create_build(
            repository,
            lambda n: build(number=n, repository=repository, finished_at=DONE if done else ""),  # noqa: B023
        )
        prefix = keys.log_prefix(repository, made.number, "build", 1)
        objects.put(keys.log_archive(prefix), b"log")
        objects.put(keys.artifacts_prefix(repository, made.number, "build", 1) + "a/b", b"x")


def numbers(store: BuildStore, repository: Repository = REPOSITORY) -> list[int]:
    return [made.number for made in store.builds(repository)]


def test_the_newest_finished_builds_and_all_unfinished_ones_stay(store: BuildStore, objects: FakeObjects) -> None:
    fill(store, objects, REPOSITORY, [True, False, True, True, False, True])
    fill(store, objects, OTHER, [True, True, True])
    Retention(store, objects, keep=2, release=nothing).apply(REPOSITORY)
    assert numbers(store) == [6, 5, 4, 2]
    assert numbers(store, OTHER) == [3, 2, 1]
    for number in (1, 3):
        assert objects.list(keys.objects_prefix(REPOSITORY, number)) == ()
    for number in (2, 4, 5, 6):
        assert len(objects.list(keys.objects_prefix(REPOSITORY, number))) == 2
    assert len(objects.list(keys.objects_prefix(OTHER, 1))) == 2


class StuckObjects(FakeObjects):
    """A store that lists and does not delete."""

    def delete(self, keys: object) -> None:
        raise StoreError("S3 is down")


def test_a_build_stays_until_its_objects_are_gone(store: BuildStore) -> None:
    objects = StuckObjects()
    fill(store, objects, REPOSITORY, [True, True])
    with pytest.raises(StoreError):
        Retention(store, objects, keep=1, release=nothing).apply(REPOSITORY)
    assert numbers(store) == [2, 1]


def test_nothing_is_removed_while_there_are_few(store: BuildStore, objects: FakeObjects) -> None:
    fill(store, objects, REPOSITORY, [True, True])
    before = store.build(REPOSITORY, 1)
    Retention(store, objects, keep=2, release=nothing).apply(REPOSITORY)
    assert store.build(REPOSITORY, 1) == replace(before)
