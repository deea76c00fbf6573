"""Expanding a pipeline into a build: which stages run, with which images, and what is refused."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.expand import Request, expand, needs_image, with_defaults
from shared.catalogue import StageType
from shared.clock import timestamp
from shared.errors import InputError
from shared.keys import build_secret_name
from shared.model import Build, Commit, Repository, StageSpec, Trigger
from shared.status import Status
from tests.coordinator.samples import (
    BUILD,
    CATALOGUE,
    IMAGE,
    NOW,
    PUBLISH,
    REPOSITORY,
    SHA,
    TEST,
    pipeline,
    settings,
)

REQUEST = Request(REPOSITORY, Commit(SHA, "refs/heads/main"), "http://git/hello.git", Trigger("cli", "ann"))
SCRIPT = StageSpec("Script", "command", {"command": ["true"], "image": "busybox:1"})


def expanded(*specs: StageSpec, only: tuple[str, ...] = (), inherited: str = "") -> Build:
    request = replace(REQUEST, only=only, inherited_image=inherited)
    return expand(pipeline(specs), request, 7, CATALOGUE, timestamp(NOW))


def test_a_stage_type_of_the_operators_own_gets_no_secrets_of_a_fork_and_its_types_resources() -> None:
    scan = StageSpec("Scan", "scan", secrets=("scan-credentials",))
    limits = {"limits": {"memory": "512Mi"}}
    catalogue = {"scan": StageType("scan:1", resources=limits)}
    own = settings(catalogue=catalogue, default_resources={"limits": {"cpu": "1"}})
    wanted = with_defaults(pipeline((scan, replace(scan, name="Other", resources={"limits": {"cpu": "2"}}))), own)
    build = expand(wanted, replace(REQUEST, fork=True), 7, catalogue, timestamp(NOW))
    assert [(stage.image, stage.spec.secrets, stage.skipped) for stage in build.stages] == [("scan:1", (), "")] * 2
    assert [stage.spec.resources for stage in build.stages] == [limits, {"limits": {"cpu": "2"}}]


def test_a_build_has_every_stage_with_its_image_pending() -> None:
    build = expanded(BUILD, TEST, PUBLISH)
    assert [(stage.id, stage.image, stage.status) for stage in build.stages] == [
        ("build", "kontinuous/docker_build:1", Status.PENDING),
        ("unit-test", "kontinuous/command:1", Status.PENDING),
        ("publish", "kontinuous/docker_publish:1", Status.PENDING),
    ]
    assert (build.number, build.created_at, build.clone_url) == (7, timestamp(NOW), "http://git/hello.git")
    assert (build.commit, build.trigger) == (REQUEST.commit, REQUEST.trigger)
    assert (build.status, build.finished, build.inherited_image) == (Status.PENDING, False, "")


@pytest.mark.parametrize("name", ["Unit Test", "unit-test"])
def test_stages_that_are_not_asked_for_are_skipped(name: str) -> None:
    build = expanded(BUILD, TEST, only=(name,), inherited=IMAGE)
    assert [stage.status for stage in build.stages] == [Status.SKIPPED, Status.PENDING]
    assert build.stages[0].skipped == "not asked for"
    assert build.inherited_image == IMAGE


def test_an_inherited_image_is_not_kept_where_none_is_needed() -> None:
    assert expanded(BUILD, TEST, inherited=IMAGE).inherited_image == ""
    assert expanded(BUILD, SCRIPT, only=("Script",), inherited=IMAGE).inherited_image == ""


def test_an_unknown_name_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match=r"no stage 'Tests'.*'Build', 'Unit Test'"):
        expanded(BUILD, TEST, only=("Build", "Tests"))


def test_a_stage_whose_image_nobody_made_is_refused() -> None:
    with pytest.raises(InputError, match="'Unit Test' needs the image of 'Build', which no earlier build has made"):
        expanded(BUILD, TEST, only=("Unit Test",))
    with pytest.raises(InputError, match=r"name one in params\.image or put a docker_build stage before it"):
        expanded(TEST)
    with pytest.raises(InputError, match="'Publish' needs an image: put a docker_build stage before it"):
        expanded(PUBLISH)


def test_a_stage_before_the_one_that_builds_has_no_image_yet() -> None:
    with pytest.raises(InputError, match="'Unit Test' needs the image of 'Build'"):
        expanded(TEST, BUILD)


def test_a_type_without_an_image_is_refused() -> None:
    with pytest.raises(InputError, match="'Scan' has the type 'scan', and this installation has no image"):
        expanded(StageSpec("Scan", "scan"))


def test_a_build_that_is_too_large_is_refused() -> None:
    with pytest.raises(InputError, match=r"a build of [0-9]+ bytes"):
        expanded(replace(SCRIPT, params={**SCRIPT.params, "X": "x" * 200_000}))


@given(
    st.builds(Repository, st.just("local"), st.from_regex("[a-z0-9]{1,20}"), st.from_regex("[A-Za-z0-9_.-]{1,80}")),
    st.integers(0, 10**8),
)
def test_no_stage_may_name_the_secret_with_our_credentials(repository: Repository, number: int) -> None:
    name = build_secret_name(repository, number, 1)
    with pytest.raises(InputError, match="own Secrets"):
        expanded(replace(SCRIPT, secrets=("mine", name)))


@pytest.mark.parametrize("name", ["docker-credentials", "creds-2024", "creds-2024-xyz", "deadbeef", "a-deadbeef"])
def test_other_secrets_may_be_named(name: str) -> None:
    assert expanded(replace(SCRIPT, secrets=(name,))).stages[0].spec.secrets == (name,)


@pytest.mark.parametrize(("spec", "needs"), [(BUILD, False), (TEST, True), (PUBLISH, True), (SCRIPT, False)])
def test_which_stages_need_an_image(spec: StageSpec, needs: bool) -> None:
    assert needs_image(spec) is needs


def test_an_operators_defaults_are_for_stages_that_name_none_of_their_own() -> None:
    chosen = settings(default_resources={"limits": {"memory": "1Gi"}}, default_artifacts=("reports/**",))
    own = replace(TEST, resources={"limits": {"cpu": "1"}}, artifacts=("dist/*",))
    first, second = with_defaults(pipeline((BUILD, own)), chosen).stages
    assert (first.resources, first.artifacts) == ({"limits": {"memory": "1Gi"}}, ("reports/**",))
    assert second == own
