"""A kontinuous somewhere else: which one, as whom, and what is created there."""

import base64
import json

import jwt
import pytest

from cli.remote import named_remote, repository_of
from shared.errors import InputError
from tests.cli.conftest import Run, git
from tests.fakes.api_server import REPOSITORY, TOKEN, ApiServer

SECRET = base64.b64encode(b"k" * 32).decode()


def remote(api: ApiServer) -> dict[str, str]:
    return {"KONTINUOUS_URL": api.url, "KONTINUOUS_TOKEN": TOKEN}


def test_a_pipeline_and_a_build_are_created_where_the_environment_says(kontinuous: Run, api: ApiServer) -> None:
    made = kontinuous("create", "pipeline", REPOSITORY, **remote(api))
    assert (made.returncode, made.stdout, made.stderr) == (0, f"Pipeline {REPOSITORY} is there\n", "")
    again = kontinuous("create", "pipeline", REPOSITORY, **remote(api))
    assert (again.returncode, again.stdout, again.stderr) == (0, made.stdout, "")

    started = kontinuous("create", "build", REPOSITORY, "--ref", "v1", **remote(api))
    assert started.stdout == f"Build 1 of {REPOSITORY} is started: `kontinuous logs {REPOSITORY}/1 -f`\n"
    followed = kontinuous("create", "build", REPOSITORY, "--follow", **remote(api))
    assert followed.returncode == 0
    assert f"Build 2 of {REPOSITORY}: SUCCESS" in followed.stdout
    assert (
        json.loads(kontinuous("get", "builds", "-p", REPOSITORY, "-o", "json", **remote(api)).stdout)[0]["number"] == 2
    )


def test_a_number_alone_is_a_build_of_the_folders_origin(kontinuous: Run, api: ApiServer, repository) -> None:
    git(repository, "remote", "add", "origin", "git@github.com:acme/shop.git")
    done = kontinuous("get", "stages", "3", cwd=repository, **remote(api))
    assert (done.returncode, done.stderr) == (2, "kontinuous: there is no build 3 of github.com/acme/shop\n")


def test_a_folder_without_origin_is_told_what_to_write(kontinuous: Run, api: ApiServer, repository) -> None:
    done = kontinuous("get", "stages", "3", cwd=repository, **remote(api))
    assert done.returncode == 2
    assert "HOST/OWNER/NAME/NUMBER" in done.stderr


def test_without_git_all_builds_are_listed_and_a_number_alone_is_none(kontinuous: Run, api: ApiServer) -> None:
    api.pipelines.append(REPOSITORY)
    listed = kontinuous("get", "builds", "-o", "json", **remote(api), PATH="/nowhere")
    assert (listed.returncode, listed.stdout, listed.stderr) == (0, "[]\n", "")
    one = kontinuous("get", "stages", "3", **remote(api), PATH="/nowhere")
    assert (one.returncode, len(one.stderr.splitlines())) == (2, 1)
    assert "git cannot be run" in one.stderr


@pytest.mark.parametrize(
    ("address", "repository"),
    [
        ("git@github.com:acme/shop.git", "github.com/acme/shop"),
        ("https://github.com/acme/shop", "github.com/acme/shop"),
        ("https://user@ghe.example.com/acme/shop.git/", "ghe.example.com/acme/shop"),
        ("ssh://git@ghe.example.com:2222/acme/shop.git", "ghe.example.com/acme/shop"),
        ("/srv/git/shop.git", ""),
        ("../shop", ""),
        ("http://[::1/acme/shop", ""),
        ("https://gitlab.example.com/group/sub/shop", ""),
    ],
)
def test_a_git_address_names_its_repository(address: str, repository: str) -> None:
    assert repository_of(address) == repository


def test_a_token_is_made_as_readme_describes() -> None:
    made = named_remote({"KONTINUOUS_URL": "http://k:3005", "KONTINUOUS_AUTH_SECRET": SECRET, "GITHUB_TOKEN": "gh"})
    assert made is not None
    assert jwt.decode(made.token, b"k" * 32, algorithms=["HS256"]) == {"identities": [{"access_token": "gh"}]}
    assert made.token not in repr(made)


@pytest.mark.parametrize(
    "url", ["http://[::1]:3005", "http://k:3005/base/", "https://k\u00f6.example.com", "http://k_1."]
)
def test_addresses_of_every_form_are_taken(url: str) -> None:
    made = named_remote({"KONTINUOUS_URL": url, "KONTINUOUS_TOKEN": "t"})
    assert made
    assert made.url == url


def test_without_an_address_the_service_is_this_machines_own() -> None:
    assert named_remote({"KONTINUOUS_TOKEN": "t", "GITHUB_TOKEN": "gh"}) is None


@pytest.mark.parametrize(
    "environment",
    [
        {"KONTINUOUS_URL": "kontinuous:3005", "KONTINUOUS_TOKEN": "t"},
        {"KONTINUOUS_URL": "http://k"},
        {"KONTINUOUS_URL": "http://k", "GITHUB_TOKEN": "gh"},
        {"KONTINUOUS_URL": "http://k", "GITHUB_TOKEN": "gh", "KONTINUOUS_AUTH_SECRET": "?"},
        {"KONTINUOUS_URL": "http://k", "GITHUB_TOKEN": "gh", "KONTINUOUS_AUTH_SECRET": "="},
        {"KONTINUOUS_URL": "http://k", "GITHUB_TOKEN": "gh", "KONTINUOUS_AUTH_SECRET": "Zm9v"},
        {"KONTINUOUS_URL": "http://k/\u00e4", "KONTINUOUS_TOKEN": "t"},
        {"KONTINUOUS_URL": "http://k?\u00e4", "KONTINUOUS_TOKEN": "t"},
        {"KONTINUOUS_URL": "http://a..b", "KONTINUOUS_TOKEN": "t"},
        {"KONTINUOUS_URL": "http://k\r\nx", "KONTINUOUS_TOKEN": "t"},
    ],
)
def test_what_is_half_named_is_refused(environment: dict[str, str]) -> None:
    with pytest.raises(InputError, match="KONTINUOUS_"):
        named_remote(environment)


@pytest.mark.parametrize(
    "variables",
    [
        {"KONTINUOUS_TOKEN": "hide-\u043a\u043b\u044e\u0447"},
        {"KONTINUOUS_TOKEN": "hide\rme"},
        {"KONTINUOUS_URL": "http://me:hide@127.0.0.1:9"},
        {"KONTINUOUS_URL": "http://me:hide@127.0.0.1:port"},
        {"KONTINUOUS_AUTH_SECRET": "hide", "GITHUB_TOKEN": "gh", "KONTINUOUS_TOKEN": ""},
    ],
)
def test_a_secret_that_cannot_be_used_is_refused_in_one_line_without_it(
    kontinuous: Run, variables: dict[str, str]
) -> None:
    named = {"KONTINUOUS_URL": "http://127.0.0.1:9", "KONTINUOUS_TOKEN": "t"} | variables
    done = kontinuous("get", "pipelines", **named)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1), done.stderr
    assert "KONTINUOUS_" in done.stderr
    assert "hide" not in done.stderr


def test_line_ends_around_the_variables_are_none_of_their_values(kontinuous: Run, api: ApiServer) -> None:
    done = kontinuous("get", "pipelines", "-o", "json", KONTINUOUS_URL=f"{api.url}\r", KONTINUOUS_TOKEN=f"{TOKEN}\r\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")
