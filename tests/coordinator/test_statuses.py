"""What GitHub should show of a build, and what is left to post of it."""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from coordinator.statuses import CommitRecord, Shown, adopted, desired, outstanding
from shared.github_status import CONTEXT, RUNNING, TAKEN, CommitStatus, State
from shared.model import NOT_ASKED_FOR, Build
from shared.status import Fault, Status
from tests.coordinator.samples import build, with_attempt

BUILD, TEST = f"{CONTEXT}/build", f"{CONTEXT}/unit-test"
FAILED = CommitStatus(State.FAILURE, "exit code 1")
DONE = CommitStatus(State.SUCCESS, "succeeded")
ENDED = "2026-01-31T12:01:00.000Z"
STARTED = "2026-01-31T12:00:01.000Z"


def ended(number: int = 3, github: str = TAKEN, **changes: Any) -> Build:
    """A build whose two stages succeeded, and said so, unless `changes` of the second attempt say otherwise."""
    attempt: dict[str, Any] = {"status": Status.SUCCESS, "github": github, "started_at": STARTED}
    made = with_attempt(build(number=number), "build", **attempt)
    return replace(with_attempt(made, "unit-test", **{**attempt, **changes}), finished_at=ENDED)


def shown(number: int, status: CommitStatus) -> Shown:
    return Shown(number, status.state, status.description)


def posted(made: Build, record: CommitRecord) -> CommitRecord:
    """The record after all that is outstanding was posted."""
    for post in outstanding(made, record):
        record = record.showing(post.context, post.shown)
    return record


def test_a_build_that_runs_is_pending_and_its_stages_speak_for_themselves() -> None:
    made = with_attempt(build(), "build", status=Status.RUNNING, started_at=STARTED)
    assert desired(made) == {CONTEXT: RUNNING}


def test_a_forks_stages_have_no_token_and_it_is_said_for_them_that_they_run() -> None:
    made = replace(with_attempt(build(), "build", status=Status.RUNNING, started_at=STARTED), fork=True)
    assert desired(made) == {CONTEXT: RUNNING, BUILD: RUNNING}
    assert [post.context for post in outstanding(made, CommitRecord())] == [CONTEXT, BUILD]
    done = replace(ended(github=""), fork=True, number=made.number)
    assert posted(done, posted(made, CommitRecord())).contexts[BUILD].status == DONE


def test_a_success_is_shown_of_the_whole_and_of_each_stage() -> None:
    assert desired(ended()) == {CONTEXT: DONE, BUILD: DONE, TEST: DONE}


def test_a_failure_says_what_failed_and_why_and_what_was_skipped() -> None:
    made = with_attempt(build(), "build", status=Status.FAIL, fault=Fault.USER, reason="exit code 1")
    stages = (made.stages[0], replace(made.stages[1], skipped="'Build' failed"))
    made = replace(made, stages=stages, finished_at=ENDED, reason="Build: exit code 1")
    assert desired(made) == {
        CONTEXT: CommitStatus(State.FAILURE, "Build: exit code 1"),
        BUILD: FAILED,
        TEST: CommitStatus(State.ERROR, "skipped: 'Build' failed"),
    }


def test_what_the_infrastructure_did_is_an_error() -> None:
    made = ended(status=Status.FAIL, fault=Fault.INFRASTRUCTURE, reason="its Job vanished", github="")
    made = replace(made, reason="Unit Test: its Job vanished")
    assert desired(made)[CONTEXT] == CommitStatus(State.ERROR, "Unit Test: its Job vanished")
    assert desired(made)[TEST] == CommitStatus(State.ERROR, "its Job vanished")


def test_a_cancelled_build_says_by_whom() -> None:
    made = with_attempt(build(), "build", status=Status.CANCELLED, reason="cancelled")
    stages = (made.stages[0], replace(made.stages[1], cancelled=True))
    by_ann = "cancelled by ann"
    made = replace(made, stages=stages, finished_at=ENDED, reason=by_ann, cancel_requested=by_ann)
    assert set(desired(made).values()) == {CommitStatus(State.ERROR, by_ann)}
    assert set(desired(made)) == {CONTEXT, BUILD, TEST}


def test_of_a_stage_that_was_not_asked_for_nothing_is_shown() -> None:
    made = ended()
    stages = (replace(made.stages[0], attempts=(), skipped=NOT_ASKED_FOR), made.stages[1])
    assert set(desired(replace(made, stages=stages))) == {CONTEXT, TEST}


def test_an_attempt_that_is_tried_again_is_not_shown_as_failed() -> None:
    made = with_attempt(build(), "build", status=Status.FAIL, fault=Fault.INFRASTRUCTURE, reason="x")
    assert desired(with_attempt(made, "build", status=Status.PENDING)) == {CONTEXT: RUNNING}


def test_what_the_stages_said_is_not_said_again() -> None:
    record = adopted(ended(), CommitRecord())
    assert [post.context for post in outstanding(ended(), record)] == [CONTEXT]


def test_what_github_refused_a_stage_is_said_for_it() -> None:
    made = ended(github="refused: 502")
    assert [post.context for post in outstanding(made, adopted(made, CommitRecord()))] == [CONTEXT, BUILD, TEST]


def test_a_verdict_that_is_not_the_stages_own_is_said_for_it() -> None:
    made = ended(status=Status.FAIL, fault=Fault.USER, reason="ran out of memory", github="")
    posts = {post.context: post.shown.status for post in outstanding(made, adopted(made, CommitRecord()))}
    assert posts[TEST] == CommitStatus(State.FAILURE, "ran out of memory")


def test_the_newest_build_of_a_commit_wins_each_context() -> None:
    newer = posted(ended(4), CommitRecord())
    assert outstanding(replace(build(number=3), finished_at=ENDED), newer) == ()
    assert {post.shown.build for post in outstanding(ended(5), newer)} == {5}


def test_an_older_builds_stage_that_speaks_late_is_answered_once_by_the_newer_status() -> None:
    record = posted(ended(4), CommitRecord())
    for github in (TAKEN, "", "refused: 502"):  # it said at least that it runs
        late = ended(3, github=github, status=Status.FAIL, fault=Fault.USER, reason="exit code 1")
        posts = outstanding(late, adopted(late, record))
        assert {(post.context, post.shown.build, post.shown.status) for post in posts} == {
            (BUILD, 4, DONE),
            (TEST, 4, DONE),
        }
        assert outstanding(late, posted(late, record)) == ()


def test_a_stages_word_after_one_of_ours_is_said_again_since_nobody_knows_which_came_last() -> None:
    record = CommitRecord().showing(TEST, shown(2, FAILED))
    assert TEST in {post.context for post in outstanding(ended(3), adopted(ended(3), record))}


def test_what_somebody_died_over_is_posted_first_and_believed_of_nobody() -> None:
    record = replace(CommitRecord(), holder="dead", posting=TEST)
    posts = outstanding(ended(), adopted(ended(), record))
    assert [post.context for post in posts] == [TEST, CONTEXT]


def test_what_github_will_never_take_is_not_posted_again() -> None:
    post = outstanding(ended(), adopted(ended(), CommitRecord()))[0]
    record = adopted(ended(), CommitRecord()).showing(CONTEXT, post.shown.as_refused("1000 statuses"))
    assert outstanding(ended(), record) == ()


def test_a_resumed_build_is_pending_again() -> None:
    record = posted(ended(), CommitRecord())
    again = replace(ended(), finished_at="", run=2)
    again = replace(again, stages=(again.stages[0], replace(again.stages[1], earlier=1)))
    assert [(post.context, post.shown.status) for post in outstanding(again, record)] == [(CONTEXT, RUNNING)]


def test_forgetting_a_build_keeps_what_newer_ones_show() -> None:
    record = posted(ended(3), CommitRecord()).with_settled("3", 7)
    record = record.showing(TEST, shown(4, DONE)).with_settled("4", 9)
    left = record.without(3)
    assert (set(left.contexts), dict(left.settled)) == ({TEST}, {"4": 9})


builds = st.builds(
    ended,
    st.integers(1, 4),
    st.sampled_from(["", TAKEN, "refused: 502"]),
    status=st.sampled_from([Status.SUCCESS, Status.FAIL, Status.CANCELLED, Status.RUNNING]),
    fault=st.sampled_from([None, *Fault]),
    reason=st.sampled_from(["", "a", "b"]),
)


@given(st.lists(builds, max_size=8))
def test_whatever_is_looked_at_in_whatever_order_it_ends_with_the_newest_build(made: list[Build]) -> None:
    """Each build looked at until nothing is outstanding, in any order: GitHub shows each context's newest build."""
    record = CommitRecord()
    newest: dict[str, Build] = {}
    for each in made:
        for _ in range(2):
            record = adopted(each, record)
            record = posted(each, record)
        assert outstanding(each, record) == ()
        for context in desired(each):
            if context not in newest or each.number >= newest[context].number:
                newest[context] = each
    for context, each in newest.items():
        assert (record.contexts[context].build, record.contexts[context].status) == (
            each.number,
            desired(each)[context],
        )
