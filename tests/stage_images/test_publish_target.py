"""What docker_publish reads from its params, and the tags it gives."""

from dataclasses import replace

import pytest

from shared.errors import InputError
from stage_images._registry import Credentials
from stage_images.docker_publish.target import credentials_of, familiar, tag_of, tags_of, target_of, wants_credentials
from tests.stage_images.stage_runs import CONTEXT

LOGIN = {"username": "user", "password": "password"}


@pytest.mark.parametrize("registry", ["quay.io", "https://quay.io/", "QUAY.io", "localhost:5000", "ghcr.io/team"])
def test_a_registrys_address_is_taken_in_the_forms_people_write(registry: str) -> None:
    target = target_of({"external_registry": registry, "external_image_name": "acaleph/kontinuous"})
    assert target.repository == registry.removeprefix("https://").rstrip("/") + "/acaleph/kontinuous"


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"external_image_name": "a"}, "external_registry"),
        ({"external_registry": "quay.io"}, "external_image_name"),
        ({"external_registry": "quay.io", "external_image_name": "a:1"}, "without registry and tag"),
        ({"external_registry": "quay.io", "external_image_name": "Upper"}, "lower case"),
        ({"external_registry": "http://quay.io", "external_image_name": "a"}, "no registry's address"),
    ],
)
def test_a_wrong_target_is_named(params: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        target_of(params)


@pytest.mark.parametrize(
    ("ref", "branch", "tags"),
    [
        ("refs/heads/main", "main", ["main", "latest"]),
        ("refs/heads/feature/a b", "feature/a b", ["feature-a-b", "latest"]),
        ("refs/tags/v1.2", "v1.2", ["v1.2", "latest"]),
        ("refs/pull/7/head", "refs/pull/7/head", ["pull-7"]),
        ("", "", ["latest"]),
        (CONTEXT.commit, CONTEXT.commit, ["latest"]),
    ],
)
def test_tags_are_the_commit_the_branch_and_latest(ref: str, branch: str, tags: list[str]) -> None:
    assert tags_of(replace(CONTEXT, ref=ref, branch=branch)) == [CONTEXT.commit, *tags]


def test_a_tag_has_docker_s_form() -> None:
    assert tag_of("-.x" * 100)[:3] == "x-."
    assert len(tag_of("x" * 300)) == 128


@pytest.mark.parametrize("name", ["require_credentials", "require_crendentials"])
@pytest.mark.parametrize(
    ("value", "wanted"), [("TRUE", True), ("true", True), (True, True), ("False", False), (False, False)]
)
def test_the_flag_is_read_in_both_spellings(name: str, value: object, wanted: bool) -> None:
    assert wants_credentials({name: value}) is wanted


def test_a_flag_that_is_neither_true_nor_false_is_named() -> None:
    with pytest.raises(InputError, match="'maybe'"):
        wants_credentials({"require_credentials": "maybe"})


def test_credentials_are_the_secrets_values() -> None:
    secrets = {"user": b"someone", "password": b"p w\n", "mail": b"a@b"}
    params = {"require_credentials": "TRUE", **LOGIN, "email": "mail"}
    assert credentials_of(params, secrets) == Credentials("someone", "p w", "a@b")
    assert "p w" not in repr(credentials_of(params, secrets))


@pytest.mark.parametrize("missing", ["username", "password"])
def test_a_name_that_is_no_key_of_a_secret_lists_the_keys(missing: str) -> None:
    secrets = {"user": b"someone", "password": b"pw", "zone": b""}
    params = {"require_credentials": "TRUE", **LOGIN, missing: "nobody"}
    with pytest.raises(InputError, match=f"`{missing}` must be a key .* password, user, zone"):
        credentials_of(params, secrets)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("docker.io/acme/shop@sha256:1", "acme/shop@sha256:1"),
        ("index.docker.io/acme/shop@sha256:1", "acme/shop@sha256:1"),
        ("docker.io/library/busybox@sha256:1", "busybox@sha256:1"),
        ("quay.io/library/shop@sha256:1", "quay.io/library/shop@sha256:1"),
        ("acme/shop@sha256:1", "acme/shop@sha256:1"),
    ],
)
def test_an_images_name_is_known_in_the_form_in_which_engines_list_it(name: str, shown: str) -> None:
    """As `reference.FamiliarString` of github.com/distribution/reference has it."""
    assert familiar(name) == shown
