"""The rules of statuses: what may follow what, and what a build is when its stages are these."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.status import FINISHED, TRANSITIONS, ReportStatus, Status, may_become, roll_up

PENDING, RUNNING, SUCCESS, FAIL, CANCELLED, SKIPPED = Status

statuses = st.sampled_from(Status)


@pytest.mark.parametrize(
    ("stages", "build"),
    [
        ([], SUCCESS),
        ([SKIPPED], SUCCESS),
        ([PENDING, PENDING], PENDING),
        ([RUNNING, PENDING], RUNNING),
        ([SUCCESS, PENDING], RUNNING),
        ([SUCCESS, RUNNING], RUNNING),
        ([SKIPPED, PENDING], PENDING),
        ([SUCCESS, SKIPPED], SUCCESS),
        ([SUCCESS, FAIL, SKIPPED], FAIL),
        ([SUCCESS, FAIL, PENDING], FAIL),
        ([FAIL, RUNNING], FAIL),
        ([FAIL, CANCELLED], FAIL),
        ([SUCCESS, CANCELLED, CANCELLED], CANCELLED),
        ([CANCELLED, PENDING], CANCELLED),
    ],
)
def test_a_build_is_the_worst_of_its_stages(stages: list[Status], build: Status) -> None:
    assert roll_up(stages) is build


@given(st.lists(statuses), st.randoms())
def test_the_order_of_stages_does_not_matter(stages: list[Status], random: object) -> None:
    shuffled = list(stages)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert roll_up(shuffled) is roll_up(stages)


@given(st.lists(statuses))
def test_skipped_stages_do_not_count(stages: list[Status]) -> None:
    assert roll_up([*stages, SKIPPED]) is roll_up(stages)


@given(st.lists(statuses, min_size=1))
def test_success_is_only_what_nothing_spoils(stages: list[Status]) -> None:
    assert (roll_up(stages) is SUCCESS) == all(status in (SUCCESS, SKIPPED) for status in stages)


@given(st.lists(statuses))
def test_one_failure_fails_the_build(stages: list[Status]) -> None:
    assert roll_up([*stages, FAIL]) is FAIL


def test_every_status_says_what_may_follow() -> None:
    assert set(TRANSITIONS) == set(Status)


@given(statuses, statuses)
def test_a_finished_status_never_changes(old: Status, new: Status) -> None:
    if old.finished:
        assert may_become(old, new) == (old is new)


@given(statuses, statuses, statuses)
def test_no_way_leads_back(first: Status, second: Status, third: Status) -> None:
    if first is not second and may_become(first, second) and may_become(second, third):
        assert third is not first


def test_what_runs_ends_but_is_not_skipped() -> None:
    assert {status for status in Status if may_become(RUNNING, status)} == {RUNNING, SUCCESS, FAIL, CANCELLED}
    assert {status for status in Status if may_become(PENDING, status)} == set(Status)


def test_finished_is_said_of_the_four_ends() -> None:
    assert {status for status in Status if status.finished} == FINISHED == {SUCCESS, FAIL, CANCELLED, SKIPPED}


def test_every_report_but_running_is_final() -> None:
    assert {status for status in ReportStatus if not status.final} == {ReportStatus.RUNNING}
