"""Pipelines and builds as values in a store: numbers, races, reports that make no sense."""

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from coordinator.store import MAX_REASON, MAX_REPORT_BYTES, MAX_WARNINGS, BuildStore
from shared import keys
from shared.codec import encode
from shared.errors import Conflict, NotFound, StoreError
from shared.model import Build, Repository
from shared.status import Fault, ReportStatus
from shared.store_ports import Entry
from tests.coordinator.samples import REPOSITORY, build, report
from tests.fakes.stores import FakeKeyValue

OTHER = Repository("local", "ab12", "hello2")


@pytest.fixture
def kv() -> FakeKeyValue:
    return FakeKeyValue()


@pytest.fixture
def store(kv: FakeKeyValue) -> BuildStore:
    made = BuildStore(kv)
    made.create_pipeline(REPOSITORY, "http://git/hello.git")
    return made


def make(number: int) -> Build:
    return build(number=number)


def test_a_pipeline_is_created_once(store: BuildStore) -> None:
    record = store.pipeline(REPOSITORY)
    assert (record.repository, record.clone_url, record.last_build) == (REPOSITORY, "http://git/hello.git", 0)
    with pytest.raises(Conflict, match="has a pipeline already"):
        store.create_pipeline(REPOSITORY, "other")
    assert store.pipelines() == (record,)


def test_while_a_pipeline_is_deleted_no_build_is_stored_whenever_it_got_its_number(store: BuildStore) -> None:
    number = store.next_number(REPOSITORY)
    store.begin_deletion(REPOSITORY)
    for attempt in (lambda: store.put_build(make(number)), lambda: store.create_build(REPOSITORY, make)):
        with pytest.raises(Conflict, match="is being deleted"):
            attempt()
    assert store.builds(REPOSITORY) == ()
    store.delete_pipeline(REPOSITORY)
    with pytest.raises(NotFound):
        store.put_build(make(number))
    assert store.builds(REPOSITORY) == ()
    assert store.create_pipeline(REPOSITORY, "").last_build == number


def test_what_is_not_there_is_named(store: BuildStore) -> None:
    with pytest.raises(NotFound, match="local/ab12/hello2 has no pipeline"):
        store.pipeline(OTHER)
    with pytest.raises(NotFound, match="no pipeline"):
        store.create_build(OTHER, make)
    with pytest.raises(NotFound, match="has no build 1"):
        store.build(REPOSITORY, 1)
    assert store.build_at(keys.build_key(REPOSITORY, 1)) is None


def test_builds_are_numbered_from_1_and_listed_newest_first(store: BuildStore) -> None:
    made = [store.create_build(REPOSITORY, make) for _ in range(11)]
    assert [each.number for each in made] == list(range(1, 12))
    assert [each.number for each in store.builds(REPOSITORY)] == list(range(11, 0, -1))
    assert store.build(REPOSITORY, 11).value == made[-1]


class CountingKeyValue(FakeKeyValue):
    """Keeps how much each span had."""

    def __init__(self) -> None:
        super().__init__()
        self.spans: list[int] = []

    def span(self, first: str, end: str) -> tuple[Entry, ...]:
        found = super().span(first, end)
        self.spans.append(len(found))
        return found


def test_a_page_of_builds_is_read_without_the_others_also_over_a_gap() -> None:
    kv = CountingKeyValue()
    store = BuildStore(kv)
    store.create_pipeline(REPOSITORY, "")
    for _ in range(30):
        store.create_build(REPOSITORY, make)
    assert [each.number for each in store.builds_before(REPOSITORY, None, 4)] == [30, 29, 28, 27]
    assert [each.number for each in store.builds_before(REPOSITORY, 3, 4)] == [2, 1]
    assert kv.spans == [4, 2]
    entry = kv.get(keys.pipeline_key(REPOSITORY))
    assert entry is not None
    kv.replace(entry.key, encode(replace(store.pipeline(REPOSITORY), last_build=99_999)), entry.revision)
    last = store.create_build(REPOSITORY, make)
    assert [each.number for each in store.builds_before(REPOSITORY, None, 4)] == [last.number, 30, 29, 28]
    assert len(kv.spans) < 20


def test_numbers_can_be_skipped_also_those_of_pipelines_that_are_deleted(store: BuildStore) -> None:
    gone = Repository("github.com", "acme", "gone")
    store.create_pipeline(gone, "")
    store.next_number(gone)
    store.delete_pipeline(gone)
    store.create_build(REPOSITORY, make)
    store.skip_numbers(1000)
    assert store.create_build(REPOSITORY, make).number == 1002
    assert [each.number for each in store.builds_before(REPOSITORY, None, 5)] == [1002, 1]
    store.create_pipeline(gone, "")
    assert store.next_number(gone) == 1002


def test_a_number_is_never_given_out_again(store: BuildStore) -> None:
    store.delete_build(store.create_build(REPOSITORY, make))
    assert store.create_build(REPOSITORY, make).number == 2


def test_numbers_are_unique_however_many_builds_start_at_once(store: BuildStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: store.create_build(REPOSITORY, make).number, range(40)))
    assert sorted(made) == list(range(1, 41))


def test_repositories_with_a_common_beginning_are_kept_apart(store: BuildStore) -> None:
    store.create_pipeline(OTHER, "")
    store.create_build(OTHER, lambda number: build(number=number, repository=OTHER))
    assert store.builds(REPOSITORY) == ()
    assert len(store.builds(OTHER)) == 1


def test_the_slower_of_two_writers_is_told(store: BuildStore) -> None:
    store.create_build(REPOSITORY, make)
    stored = store.build(REPOSITORY, 1)
    assert store.replace_build(stored, replace(stored.value, reason="first"))
    assert not store.replace_build(stored, replace(stored.value, reason="second"))
    assert store.build(REPOSITORY, 1).value.reason == "first"


def test_an_update_survives_other_writers(store: BuildStore) -> None:
    store.create_build(REPOSITORY, make)

    def append(letter: str) -> None:
        store.update_build(REPOSITORY, 1, lambda made: replace(made, reason=made.reason + letter))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(append, "abcdefghij"))
    assert sorted(store.build(REPOSITORY, 1).value.reason) == list("abcdefghij")


def test_an_update_that_changes_nothing_writes_nothing(store: BuildStore) -> None:
    store.create_build(REPOSITORY, make)
    before = store.build(REPOSITORY, 1).revision
    store.update_build(REPOSITORY, 1, lambda made: made)
    assert store.build(REPOSITORY, 1).revision == before


def test_an_update_that_never_wins_gives_up(store: BuildStore) -> None:
    store.create_build(REPOSITORY, make)

    def disturb(made: Build) -> Build:
        stored = store.build(REPOSITORY, 1)
        store.replace_build(stored, replace(stored.value, reason=stored.value.reason + "x"))
        return replace(made, reason="mine")

    with pytest.raises(StoreError, match="changes too fast"):
        store.update_build(REPOSITORY, 1, disturb)


def test_a_build_is_removed_with_its_reports_and_no_others(store: BuildStore, kv: FakeKeyValue) -> None:
    first, second = (store.create_build(REPOSITORY, make) for _ in range(2))
    for made in (first, second):
        kv.create(keys.report_key(REPOSITORY, made.number, "build", 1), encode(report(ReportStatus.SUCCESS)))
    store.delete_build(first)
    assert [each.number for each in store.builds(REPOSITORY)] == [2]
    assert store.reports(first) == {}
    assert len(store.reports(second)) == 1


def test_builds_are_sorted_without_reading_those_known_as_finished(store: BuildStore, kv: FakeKeyValue) -> None:
    for _ in range(3):
        store.create_build(REPOSITORY, make)
    done = store.build(REPOSITORY, 1)
    store.replace_build(done, replace(done.value, finished_at="2026-01-31T12:00:00.000Z"))
    one, two, three = (keys.build_key(REPOSITORY, number) for number in (1, 2, 3))
    unreadable = kv.get(three)
    assert unreadable is not None
    kv.replace(three, b'{"repository": 1}', unreadable.revision)
    unfinished, finished = store.sort_builds({})
    ended = kv.get(one)
    broken = kv.get(three)
    assert ended is not None
    assert broken is not None
    assert (unfinished, finished) == ((two,), {one: ended.revision})
    known = {three: broken.revision}
    assert store.sort_builds(known) == ((two,), {one: ended.revision, **known})
    assert store.sort_builds({three: broken.revision - 1})[1] == {one: ended.revision}


class ReadKeyValue(FakeKeyValue):
    """Notes what is read by its key, and how often all is."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []
        self.scans = 0

    def get(self, key: str) -> Entry | None:
        self.read.append(key)
        return super().get(key)

    def scan(self, prefix: str) -> Iterator[Entry]:
        self.scans += 1
        return super().scan(prefix)


def test_only_what_is_not_known_as_finished_is_read_to_sort_builds() -> None:
    kv = ReadKeyValue()
    store = BuildStore(kv)
    store.create_pipeline(REPOSITORY, "")
    for _ in range(150):
        build = store.create_build(REPOSITORY, make)
        store.replace_build(
            store.build(REPOSITORY, build.number), replace(build, finished_at="2026-01-31T12:00:00.000Z")
        )
    running = keys.build_key(REPOSITORY, store.create_build(REPOSITORY, make).number)
    kv.read.clear()
    unfinished, finished = store.sort_builds({})
    assert (unfinished, len(finished), kv.scans, kv.read) == ((running,), 150, 1, [])
    assert store.sort_builds(finished) == (unfinished, finished)
    assert (kv.scans, kv.read) == (1, [running])


def test_reports_are_found_by_stage_and_attempt(store: BuildStore, kv: FakeKeyValue) -> None:
    made = store.create_build(REPOSITORY, make)
    running, done = report(ReportStatus.RUNNING), report(ReportStatus.SUCCESS)
    kv.create(keys.report_key(REPOSITORY, 1, "build", 1), encode(running))
    kv.create(keys.report_key(REPOSITORY, 1, "unit-test", 12), encode(done))
    kv.create(keys.reports_prefix(REPOSITORY, 1) + "build/other", b"?")
    kv.create(keys.report_key(REPOSITORY, 2, "build", 1), encode(done))
    assert store.reports(made) == {("build", 1): running, ("unit-test", 12): done}


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (b"\xff", "not JSON"),
        ({"writer": "pod"}, "status is missing"),
        ({"status": "GREAT", "writer": "pod"}, "not one of"),
        ({"status": "SUCCESS", "writer": "pod", "result": []}, "result is a list"),
        ({"status": "SUCCESS", "writer": "pod", "finished_at": "soon"}, "'soon' is not a time"),
        ({"status": "SUCCESS", "writer": "pod", "started_at": "2026-01-31T12:00:00"}, "is not a time"),
        ({"status": "SUCCESS", "writer": "pod", "result": {"x": "y" * MAX_REPORT_BYTES}}, "is the most that is read"),
    ],
)
def test_a_report_that_makes_no_sense_is_a_failure_of_the_stages_image(
    store: BuildStore, kv: FakeKeyValue, value: bytes | Mapping[str, Any], problem: str
) -> None:
    made = store.create_build(REPOSITORY, make)
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    kv.create(keys.report_key(REPOSITORY, 1, "build", 1), data)
    read = store.reports(made)["build", 1]
    assert (read.status, read.fault, read.work_began) == (ReportStatus.FAIL, Fault.INFRASTRUCTURE, True)
    assert problem in read.reason


def test_a_long_report_is_cut(store: BuildStore, kv: FakeKeyValue) -> None:
    made = store.create_build(REPOSITORY, make)
    long = report(ReportStatus.SUCCESS, reason="x" * 9999, warnings=("w",) * 999)
    kv.create(keys.report_key(REPOSITORY, 1, "build", 1), encode(long))
    read = store.reports(made)["build", 1]
    assert (len(read.reason), len(read.warnings)) == (MAX_REASON, MAX_WARNINGS)
