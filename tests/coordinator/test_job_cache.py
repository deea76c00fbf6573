"""The Jobs as last seen: a watch and full listings must not undo each other."""

from dataclasses import replace

import pytest

from coordinator.job_cache import JobCache
from shared.keys import build_key
from shared.ports import JobPhase
from tests.coordinator.samples import NOW, REPOSITORY, build, job, seconds_later

BUILD = build()
KEY = build_key(REPOSITORY, BUILD.number)
ONE = job(BUILD, "build")
TWO = job(BUILD, "unit-test")
STRAY = replace(job(BUILD, "build", number=9), build_key="other")


@pytest.fixture
def cache() -> JobCache:
    return JobCache()


def test_jobs_are_found_by_their_build(cache: JobCache) -> None:
    for state in (ONE, TWO, STRAY):
        cache.put(state)
    assert cache.of_build(KEY) == {ONE.ref.name: ONE, TWO.ref.name: TWO}
    assert cache.build_keys() == {KEY, "other"}
    assert cache.listed_at is None


def test_the_newest_state_counts(cache: JobCache) -> None:
    ended = replace(ONE, phase=JobPhase.FINISHED)
    cache.put(ONE)
    cache.put(ended)
    assert cache.of_build(KEY) == {ONE.ref.name: ended}


def test_a_listing_replaces_what_was_known(cache: JobCache) -> None:
    cache.put(ONE)
    cache.begin_listing()
    cache.replace([TWO], NOW)
    assert cache.of_build(KEY) == {TWO.ref.name: TWO}
    assert cache.listed_at == NOW


def test_what_a_watch_says_during_a_listing_is_newer_than_the_listing(cache: JobCache) -> None:
    ended = replace(ONE, phase=JobPhase.FINISHED)
    cache.begin_listing()
    cache.put(ended)
    cache.put(TWO)  # launched since
    cache.replace([ONE], NOW)
    assert cache.of_build(KEY) == {ONE.ref.name: ended, TWO.ref.name: TWO}
    cache.begin_listing()
    cache.replace([ended], seconds_later(30))
    assert cache.of_build(KEY) == {ONE.ref.name: ended}


def test_a_job_that_is_known_as_gone_stays_known_until_it_is_forgotten(cache: JobCache) -> None:
    gone = replace(ONE, phase=JobPhase.GONE)
    cache.put(gone)
    cache.begin_listing()
    cache.replace([], NOW)
    assert cache.of_build(KEY) == {ONE.ref.name: gone}
    cache.forget(ONE.ref)
    cache.forget(ONE.ref)
    assert cache.build_keys() == frozenset()


def test_a_job_that_is_listed_again_is_not_gone(cache: JobCache) -> None:
    cache.put(replace(ONE, phase=JobPhase.GONE))
    cache.begin_listing()
    cache.replace([ONE], NOW)
    assert cache.of_build(KEY) == {ONE.ref.name: ONE}
