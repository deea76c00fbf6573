"""Names: valid where they are used, unique where they must be, and each the inverse of its reader."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import keys
from shared.model import Repository

DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
IMAGE_PATH = re.compile(r"[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*(/[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*)*")

any_text = st.text(max_size=120)
names = st.from_regex(r"[A-Za-z0-9._-]{1,100}", fullmatch=True)
repositories = st.builds(Repository, names, names, names)
numbers = st.integers(1, 99_999_999)
attempts = st.integers(1, 99)
stage_ids = any_text.map(keys.slug)


@given(any_text, st.integers(8, 63))
def test_a_slug_is_a_dns_label_within_its_limit(text: str, limit: int) -> None:
    slug = keys.slug(text, limit)
    assert DNS_LABEL.fullmatch(slug)
    assert len(slug) <= limit


@pytest.mark.parametrize(("text", "slug"), [("Unit Test", "unit-test"), ("--A--", "a"), ("a" * 50, "a" * 40)])
def test_a_slug_looks_like_its_text(text: str, slug: str) -> None:
    assert keys.slug(text) == slug


def test_names_without_a_letter_keep_apart() -> None:
    assert keys.slug("测试") != keys.slug("构建")


@given(st.lists(any_text | st.sampled_from(["Test", "test", "test 2", "test-2", "a" * 60]), max_size=50))
def test_stage_ids_are_unique_dns_labels_in_order(stage_names: list[str]) -> None:
    ids = keys.stage_ids(stage_names)
    assert len(set(ids)) == len(ids) == len(stage_names)
    assert all(DNS_LABEL.fullmatch(stage_id) and len(stage_id) <= keys.MAX_NAME for stage_id in ids)


def test_a_second_stage_of_the_same_slug_is_counted() -> None:
    assert keys.stage_ids(["Test", "test", "test-2", "TEST"]) == ("test", "test-2", "test-2-2", "test-3")


@given(repositories, numbers, stage_ids, attempts)
def test_a_job_and_its_secret_have_valid_names(repository: Repository, number: int, stage: str, attempt: int) -> None:
    secret = keys.build_secret_name(repository, number, attempt)
    for name in (keys.job_name(repository, number, stage, attempt), secret):
        assert DNS_LABEL.fullmatch(name)
        assert len(name) <= keys.MAX_NAME


def test_jobs_that_look_alike_have_different_names() -> None:
    alike = [Repository("h", owner, name) for owner in ("a", "b") for name in ("x.y", "x-y", "X-Y", "x" * 90, "x" * 91)]
    names = {keys.job_name(r, n, s, a) for r in alike for n in (1, 11) for s in ("t", "t-1") for a in (1, 11)}
    assert len(names) == len(alike) * 8


@given(repositories, numbers, stage_ids, attempts)
def test_a_report_key_leads_to_its_build(repository: Repository, number: int, stage: str, attempt: int) -> None:
    report = keys.report_key(repository, number, stage, attempt)
    assert keys.build_key_of_report(report) == keys.build_key(repository, number)
    assert report.startswith(keys.reports_prefix(repository, number))
    assert report.startswith(keys.REPORTS)
    assert not report.startswith(keys.STATE)


@given(repositories, numbers, numbers)
def test_keys_of_builds_sort_as_their_numbers(repository: Repository, one: int, other: int) -> None:
    assert (keys.build_key(repository, one) < keys.build_key(repository, other)) == (one < other)
    assert keys.build_key(repository, one).startswith(keys.builds_prefix(repository))


def test_no_repository_is_below_another() -> None:
    one, other = Repository("h", "o", "app"), Repository("h", "o", "app2")
    assert not keys.build_key(other, 1).startswith(keys.builds_prefix(one))
    assert not keys.objects_prefix(other, 1).startswith(keys.objects_prefix(one, 1))


@given(repositories, numbers, stage_ids, attempts, st.integers(0, 10**14), st.integers(0, 10**14))
def test_chunks_of_a_log_name_their_offset_and_sort_by_it(
    repository: Repository, number: int, stage: str, attempt: int, one: int, other: int
) -> None:
    prefix = keys.log_prefix(repository, number, stage, attempt)
    assert keys.log_chunk_offset(keys.log_chunk(prefix, one)) == one
    assert (keys.log_chunk(prefix, one) < keys.log_chunk(prefix, other)) == (one < other)
    assert keys.log_archive(prefix) not in (keys.log_chunk(prefix, one), keys.log_chunk(prefix, other))


@given(repositories, numbers, stage_ids, attempts)
def test_all_objects_of_an_attempt_are_below_its_build(
    repository: Repository, number: int, stage: str, attempt: int
) -> None:
    prefix = keys.attempt_prefix(repository, number, stage, attempt)
    assert prefix.startswith(keys.objects_prefix(repository, number))
    log, artifacts = (f(repository, number, stage, attempt) for f in (keys.log_prefix, keys.artifacts_prefix))
    assert log.startswith(prefix)
    assert artifacts.startswith(prefix)
    assert not log.startswith(artifacts)
    assert not artifacts.startswith(log)


@given(st.builds(Repository, any_text, any_text, any_text))
def test_an_image_repository_is_a_valid_path(repository: Repository) -> None:
    assert IMAGE_PATH.fullmatch(keys.image_repository(repository))


def test_repositories_whose_names_look_alike_have_image_repositories_of_their_own() -> None:
    names = ("my.app", "my-app", "my_app", "my app", "my/app", "-my-app")
    assert len({keys.image_repository(Repository("local", "a", name)) for name in names}) == len(names)


def test_every_label_of_ours_is_below_the_reserved_prefix() -> None:
    labels = [value for name, value in vars(keys).items() if name.startswith("LABEL_") and name != "LABEL_MANAGED"]
    assert len(labels) >= 5
    assert all(label.startswith(keys.LABEL_PREFIX) for label in labels)
