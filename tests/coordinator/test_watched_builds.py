"""Builds as the watches show them: never older than what was written here, and etcd is asked only where it must be."""

from dataclasses import replace
from threading import Event

import pytest

from coordinator.store import BuildStore
from coordinator.watched_builds import KEPT, WatchedBuilds
from shared import keys
from shared.codec import encode
from shared.errors import StoreError
from shared.model import Build
from shared.status import ReportStatus
from shared.store_ports import Change, Entry
from tests.coordinator.samples import REPOSITORY, build, report
from tests.fakes.stores import FakeKeyValue


class CountingKeyValue(FakeKeyValue):
    """Counts what is read, and can lose the answers to what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0
        self.loses_answers = False

    def replace(self, key: str, value: bytes, revision: int) -> int:
        done = super().replace(key, value, revision)
        if self.loses_answers:
            raise StoreError("no answer")
        return done

    def get(self, key: str) -> Entry | None:
        self.reads += 1
        return super().get(key)

    def list(self, prefix: str) -> tuple[Entry, ...]:
        self.reads += 1
        return super().list(prefix)


class Watched:
    """One build in etcd, and what two coordinators know of it; the watches show what `show` says."""

    def __init__(self) -> None:
        self.kv = CountingKeyValue()
        store = BuildStore(self.kv)
        store.create_pipeline(REPOSITORY, "http://git/hello.git")
        made = store.create_build(REPOSITORY, lambda number: build(number=number))
        self.key = keys.build_key(made.repository, made.number)
        self.ours, self.theirs = WatchedBuilds(self.kv), WatchedBuilds(self.kv)

    def change(self, builds: WatchedBuilds, reason: str) -> Build:
        return builds.update_build(REPOSITORY, 1, lambda b: replace(b, reason=reason))

    def newest(self) -> Change:
        entry = FakeKeyValue.get(self.kv, self.key)
        assert entry is not None
        return Change(entry.key, entry.value, entry.revision)

    def reason(self, builds: WatchedBuilds) -> str:
        stored = builds.build_at(self.key)
        assert stored is not None
        assert encode(stored.value) == encode(BuildStore(self.kv).build(REPOSITORY, 1).value)
        assert stored.revision == self.newest().revision
        return stored.value.reason

    def reads(self, builds: WatchedBuilds) -> int:
        before = self.kv.reads
        builds.build_at(self.key)
        return self.kv.reads - before

    def report(self, status: ReportStatus) -> Change:
        key = keys.report_key(REPOSITORY, 1, "build", 1)
        value = encode(report(status))
        known = FakeKeyValue.get(self.kv, key)
        assert self.kv.replace(key, value, known.revision) if known else self.kv.create(key, value)
        entry = FakeKeyValue.get(self.kv, key)
        assert entry is not None
        return Change(key, value, entry.revision)

    def statuses(self, builds: WatchedBuilds) -> list[ReportStatus]:
        stored = builds.build_at(self.key)
        assert stored is not None
        return [each.status for each in builds.reports(stored.value).values()]


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_what_was_read_once_is_read_no_more(watched: Watched) -> None:
    assert [watched.reads(watched.ours) for _ in range(3)] == [1, 0, 0]


def test_what_a_watch_shows_takes_the_place_of_what_was_read(watched: Watched) -> None:
    watched.reason(watched.ours)
    watched.change(watched.theirs, "one")
    assert watched.ours.observe_build(watched.newest()) is False
    assert watched.reads(watched.ours) == 0
    assert watched.reason(watched.ours) == "one"


def test_our_own_change_comes_back_as_an_echo_and_is_read_nowhere(watched: Watched) -> None:
    watched.change(watched.ours, "one")
    first = watched.newest()
    watched.change(watched.ours, "two")
    assert [watched.ours.observe_build(first), watched.ours.observe_build(watched.newest())] == [True, True]
    assert not watched.ours.is_elsewhere(watched.key)
    assert watched.reads(watched.ours) == 0
    assert watched.reason(watched.ours) == "two"


def test_our_own_change_is_known_before_its_echo(watched: Watched) -> None:
    watched.change(watched.ours, "one")
    assert watched.reads(watched.ours) == 0
    assert watched.reason(watched.ours) == "one"
    assert watched.ours.observe_build(watched.newest()) is True


def test_a_change_whose_fate_is_not_known_is_read_from_etcd(watched: Watched) -> None:
    stored = watched.ours.build_at(watched.key)
    assert stored is not None
    watched.kv.loses_answers = True
    with pytest.raises(StoreError):
        watched.ours.replace_build(stored, replace(stored.value, reason="one"))
    assert watched.reason(watched.ours) == "one"
    assert watched.ours.observe_build(watched.newest()) is False


def test_a_change_that_loses_a_race_is_seen_to_by_the_next_read(watched: Watched) -> None:
    old = watched.ours.build_at(watched.key)
    assert old is not None
    watched.change(watched.theirs, "one")
    assert not watched.ours.replace_build(old, replace(old.value, reason="two"))
    assert watched.reason(watched.ours) == "one"
    assert watched.ours.observe_build(watched.newest()) is False


def test_who_changed_a_build_last_works_on_it(watched: Watched) -> None:
    for builds in (watched.ours, watched.theirs):
        builds.build_at(watched.key)
        assert not builds.is_elsewhere(watched.key)
    watched.change(watched.ours, "one")
    for builds in (watched.ours, watched.theirs):
        builds.observe_build(watched.newest())
    assert [each.is_elsewhere(watched.key) for each in (watched.ours, watched.theirs)] == [False, True]
    watched.change(watched.theirs, "two")
    for builds in (watched.ours, watched.theirs):
        builds.observe_build(watched.newest())
    assert [each.is_elsewhere(watched.key) for each in (watched.ours, watched.theirs)] == [True, False]


def test_an_old_change_that_comes_late_changes_nothing(watched: Watched) -> None:
    watched.reason(watched.ours)
    first = watched.newest()
    watched.change(watched.theirs, "one")
    watched.ours.observe_build(watched.newest())
    watched.ours.observe_build(first)
    assert watched.reason(watched.ours) == "one"


def test_a_build_that_was_deleted_is_gone(watched: Watched) -> None:
    watched.reason(watched.ours)
    last = watched.newest()
    watched.kv.delete(watched.key)
    watched.ours.observe_build(Change(watched.key, None, last.revision + 1))
    assert watched.ours.build_at(watched.key) is None


def test_what_a_watch_lost_is_read_once_all_is_forgotten(watched: Watched) -> None:
    assert watched.statuses(watched.ours) == []
    watched.change(watched.theirs, "one")
    watched.report(ReportStatus.RUNNING)
    stale = watched.ours.build_at(watched.key)
    assert stale is not None
    assert stale.value.reason == ""
    watched.ours.forget_all()
    assert watched.reason(watched.ours) == "one"
    assert watched.statuses(watched.ours) == [ReportStatus.RUNNING]
    assert watched.reads(watched.ours) == 0


def test_reports_are_listed_once_and_then_shown(watched: Watched) -> None:
    assert watched.ours.observe_report(watched.report(ReportStatus.RUNNING)) == watched.key
    assert watched.statuses(watched.ours) == [ReportStatus.RUNNING]
    before = watched.kv.reads
    watched.ours.observe_report(watched.report(ReportStatus.SUCCESS))
    assert watched.statuses(watched.ours) == [ReportStatus.SUCCESS]
    assert watched.kv.reads == before


def test_a_report_that_no_watch_has_shown_is_there_when_asked_for_now(watched: Watched) -> None:
    assert watched.statuses(watched.ours) == []
    shown_late = watched.report(ReportStatus.RUNNING)
    watched.report(ReportStatus.SUCCESS)
    assert watched.statuses(watched.ours) == []
    made = watched.ours.build(REPOSITORY, 1).value
    assert [each.status for each in watched.ours.reports_now(made).values()] == [ReportStatus.SUCCESS]
    watched.ours.observe_report(shown_late)
    assert watched.statuses(watched.ours) == [ReportStatus.SUCCESS]


def test_only_so_many_builds_are_kept(watched: Watched) -> None:
    watched.reason(watched.ours)
    for number in range(2, KEPT + 2):
        watched.ours.build_at(keys.build_key(REPOSITORY, number))
    assert watched.reads(watched.ours) == 1


def test_all_that_a_watch_shows_ends_in_what_etcd_has(watched: Watched) -> None:
    watched.reason(watched.ours)
    shown = watched.kv.watch(keys.BUILDS, Event())
    watched.ours.observe_build(next(shown))
    for number in range(20):
        watched.change(watched.theirs if number % 3 else watched.ours, str(number))
    while watched.ours.observe_build(change := next(shown)) or change.revision < watched.newest().revision:
        pass
    assert watched.reason(watched.ours) == "19"
    assert watched.reads(watched.ours) == 0
