"""Records to JSON and back: nothing is lost, and what does not fit is named."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.codec import decode, encode, from_json, to_json
from shared.errors import InputError
from shared.model import Attempt, Build, Commit, Notification, Pipeline, Repository, Stage, StageSpec, Trigger
from shared.stage_contract import StageReport
from shared.status import Fault, ReportStatus, Status

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(st.text(max_size=5), json_values, max_size=3)
text_maps = st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2)
texts = st.text(max_size=10)
text_tuples = st.lists(texts, max_size=2).map(tuple)
timings = st.dictionaries(texts, st.floats(0, 1e6), max_size=2)

specs = st.builds(
    StageSpec,
    name=texts,
    type=texts,
    params=objects,
    secrets=text_tuples,
    timeout_s=st.none() | st.integers(1, 86400),
    resources=st.dictionaries(texts, text_maps, max_size=2),
    artifacts=text_tuples,
)
attempts = st.builds(
    Attempt,
    number=st.integers(1, 9),
    job=texts,
    status=st.sampled_from(Status),
    fault=st.none() | st.sampled_from(Fault),
    reason=texts,
    result=objects,
    exit_code=st.none() | st.integers(0, 255),
    log_bytes=st.integers(0, 2**40),
    warnings=text_tuples,
    timings=timings,
)
stages = st.builds(
    Stage,
    id=texts,
    spec=specs,
    image=texts,
    attempts=st.lists(attempts, max_size=2).map(tuple),
    cancelled=st.booleans(),
)
notifications = st.builds(Notification, type=texts, secret=st.none() | texts, metadata=text_maps)
pipelines = st.builds(
    Pipeline,
    name=texts,
    namespace=texts,
    stages=st.lists(specs, max_size=2).map(tuple),
    match_labels=text_maps,
    labels=text_maps,
    notif=st.lists(notifications, max_size=2).map(tuple),
)
builds = st.builds(
    Build,
    repository=st.builds(Repository, texts, texts, texts),
    number=st.integers(1, 10**8),
    pipeline=pipelines,
    commit=st.builds(Commit, texts, texts, texts, texts),
    clone_url=texts,
    trigger=st.builds(Trigger, texts, texts),
    stages=st.lists(stages, max_size=2).map(tuple),
    created_at=texts,
)
reports = st.builds(
    StageReport,
    status=st.sampled_from(ReportStatus),
    writer=texts,
    fault=st.none() | st.sampled_from(Fault),
    exit_code=st.none() | st.integers(0, 255),
    result=objects,
    work_began=st.booleans(),
    timings=timings,
)


@settings(deadline=None)
@given(builds | reports | pipelines)
def test_a_record_survives_being_written_and_read(record: Any) -> None:
    assert decode(type(record), encode(record)) == record


@settings(deadline=None)
@given(reports)
def test_what_is_written_is_plain_compact_json(report: StageReport) -> None:
    assert json.loads(encode(report)) == to_json(report)
    assert to_json(report)["status"] == report.status.value


def test_a_field_that_is_not_known_is_passed_over() -> None:
    assert from_json(Trigger, {"source": "cli", "from_the_future": [1]}) == Trigger("cli")


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (Trigger, [], "Trigger is a list, not a dict"),
        (Trigger, {}, "Trigger.source is missing"),
        (Trigger, {"source": None}, "Trigger.source is a NoneType, not a str"),
        (Attempt, {"number": True, "job": ""}, "Attempt.number is a bool, not a int"),
        (Attempt, {"number": 1.0, "job": ""}, "Attempt.number is a float, not a int"),
        (Attempt, {"number": 1, "job": "", "status": "DONE"}, "Attempt.status is 'DONE', not one of PENDING, "),
        (Attempt, {"number": 1, "job": "", "status": []}, "Attempt.status is [], not one of PENDING, "),
        (Attempt, {"number": 1, "job": "", "timings": {"a": True}}, "Attempt.timings.a is a bool, not a float"),
        (Attempt, {"number": 1, "job": "", "warnings": ["a", 1]}, "Attempt.warnings[1] is a int, not a str"),
        (Stage, {"id": "a", "image": "", "spec": {"name": "A"}}, "Stage.spec.type is missing"),
    ],
)
def test_what_does_not_fit_is_named(kind: type, value: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        from_json(kind, value)
    assert str(caught.value).startswith(message)


def test_a_whole_number_is_taken_for_a_float() -> None:
    timing = from_json(Attempt, {"number": 1, "job": "", "timings": {"clone": 2}}).timings["clone"]
    assert isinstance(timing, float)


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"\xff", b"[" * 100_000, b"NaN", b"-Infinity", b"1e999", b"1" * 5000, b"[" * 70 + b"]" * 70],
    ids=["empty", "cut off", "not UTF-8", "bottomless", "NaN", "infinite", "overflowing", "long", "deep"],
)
def test_what_is_not_json_is_an_input_error(data: bytes) -> None:
    with pytest.raises(InputError, match=r"^StageReport"):
        decode(StageReport, b'{"status": "RUNNING", "writer": "a", "result": {"a": ' + data + b"}}")


def test_a_whole_number_too_large_for_a_float_is_an_input_error() -> None:
    with pytest.raises(InputError):
        decode(Attempt, b'{"number": 1, "job": "", "timings": {"a": 1' + b"0" * 400 + b"}}")


def test_half_a_surrogate_pair_in_a_report_does_not_stop_it_being_stored() -> None:
    trigger = decode(Trigger, b'{"source": "\\ud800"}')
    assert decode(Trigger, encode(trigger)) == trigger


@given(st.binary(max_size=200) | objects.map(lambda value: json.dumps(value).encode()))
def test_a_strange_report_is_read_or_refused(data: bytes) -> None:
    try:
        report = decode(StageReport, data)
    except InputError as error:
        message = str(error)
    else:
        message = f"StageReport {report}"
    assert message.startswith("StageReport")
