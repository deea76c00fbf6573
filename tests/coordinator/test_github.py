"""The adapter for GitHub, against the stand-in that GitHub's own description judges."""

import time

import pytest

from coordinator.github import MAX_FILE_BYTES, GitHub
from coordinator.github_api import GitHubApi, Refused
from shared.errors import Forbidden, InfrastructureError, InputError, NotFound, RateLimited, TokenRefused
from shared.github_status import CommitStatus, State
from shared.model import Commit, Repository
from shared.ports import Access
from tests.fakes.github import STATUSES, FakeGitHub
from tests.fakes.github_repositories import FakeRepository
from tests.git_server import git

GET_COMMIT = "GET /repos/{owner}/{repo}/commits/{ref}"
CONTENTS = "GET /repos/{owner}/{repo}/contents/{path}"
DONE = CommitStatus(State.SUCCESS, "succeeded")


@pytest.fixture
def token(github: FakeGitHub) -> str:
    return github.add_user("ann")


@pytest.fixture
def shop(github: FakeGitHub) -> FakeRepository:
    return github.add_repository(
        "Acme/shop", {".pipeline.yml": "kind: Pipeline\n"}, ann="admin", ben="push", cat="pull"
    )


@pytest.fixture
def repository(github: FakeGitHub, shop: FakeRepository) -> Repository:
    return Repository(github.host, "Acme", "shop")


@pytest.fixture
def source(github: FakeGitHub) -> GitHub:
    return GitHub(github.url)


def test_a_branch_is_resolved_with_author_message_and_full_ref(
    source: GitHub, shop: FakeRepository, repository: Repository, token: str
) -> None:
    sha = shop.push({"a": "b"}, "feature/x", "The subject\n\nand the body")
    assert source.commit(repository, "feature/x", token) == Commit(
        sha, "refs/heads/feature/x", "t <t@example.com>", "The subject"
    )
    assert source.commit(repository, "refs/heads/feature/x", token).ref == "refs/heads/feature/x"


def test_a_tag_is_resolved_to_its_commit(
    source: GitHub, shop: FakeRepository, repository: Repository, token: str
) -> None:
    sha = shop.sha("refs/heads/main")
    shop.tag("v1.0", sha)
    for ref in ("v1.0", "refs/tags/v1.0"):
        found = source.commit(repository, ref, token)
        assert (found.sha, found.ref, found.branch) == (sha, "refs/tags/v1.0", "v1.0")


def test_a_sha_has_no_ref_and_may_be_short(
    source: GitHub, shop: FakeRepository, repository: Repository, token: str
) -> None:
    sha = shop.sha("refs/heads/main")
    for ref in (sha, sha[:7]):
        assert (source.commit(repository, ref, token).sha, source.commit(repository, ref, token).ref) == (sha, "")


@pytest.mark.parametrize(
    "ref", ["nope", "refs/heads/nope", "refs/tags/nope", "1" * 40, "1" * 8, "", "/", "a//b", "refs/pull/7/head"]
)
def test_a_ref_that_is_not_there_is_not_found(source: GitHub, repository: Repository, token: str, ref: str) -> None:
    with pytest.raises(NotFound, match="has no branch, tag or commit"):
        source.commit(repository, ref, token)


@pytest.mark.parametrize("ref", ["../../../user", "heads/../../x", ".."])
def test_no_ref_leads_to_another_address(
    source: GitHub, github: FakeGitHub, repository: Repository, token: str, ref: str
) -> None:
    with pytest.raises(NotFound):
        source.commit(repository, ref, token)
    assert github.requests == []


def test_a_file_is_read_at_a_commit(source: GitHub, shop: FakeRepository, repository: Repository, token: str) -> None:
    old = shop.sha("refs/heads/main")
    shop.push({".pipeline.yml": "newer", "dir/ä b.txt": "ü"})
    assert source.read_file(repository, ".pipeline.yml", old, token) == "kind: Pipeline\n"
    assert source.read_file(repository, "dir/ä b.txt", shop.sha("refs/heads/main"), token) == "ü"


def test_a_file_that_is_not_there_is_named(
    source: GitHub, shop: FakeRepository, repository: Repository, token: str
) -> None:
    sha = shop.sha("refs/heads/main")
    with pytest.raises(NotFound, match=f"has no nope.yml at commit {sha[:10]}"):
        source.read_file(repository, "nope.yml", sha, token)


def test_a_file_that_is_too_large_or_no_text_is_refused(
    source: GitHub, shop: FakeRepository, repository: Repository, token: str
) -> None:
    shop.push({"fits": "x" * MAX_FILE_BYTES, "large": "x" * (MAX_FILE_BYTES + 1)})
    (shop.work / "binary").write_bytes(b"\xff\xfe")
    sha = shop.push({})
    assert len(source.read_file(repository, "fits", sha, token)) == MAX_FILE_BYTES
    with pytest.raises(InputError, match=f"more than {MAX_FILE_BYTES} bytes"):
        source.read_file(repository, "large", sha, token)
    with pytest.raises(InputError, match="not UTF-8"):
        source.read_file(repository, "binary", sha, token)


@pytest.mark.parametrize(("login", "access"), [("ann", Access.ADMIN), ("ben", Access.WRITE), ("cat", Access.READ)])
def test_a_callers_permission_is_githubs(
    source: GitHub, github: FakeGitHub, repository: Repository, login: str, access: Access
) -> None:
    info = source.describe(repository, github.add_user(login))
    assert (info.access, info.default_branch) == (access, "main")


def test_a_repository_has_the_name_that_github_spells(
    source: GitHub, github: FakeGitHub, shop: FakeRepository, token: str
) -> None:
    assert source.describe(Repository(github.host, "ACME", "Shop"), token).repository == Repository(
        github.host, "Acme", "shop"
    )


def test_a_private_repository_is_hidden_from_strangers_and_a_public_one_is_read(
    source: GitHub, github: FakeGitHub, repository: Repository
) -> None:
    stranger = github.add_user("eve")
    with pytest.raises(NotFound, match="404"):
        source.describe(repository, stranger)
    with pytest.raises(NotFound, match="404"):
        source.commit(repository, "main", stranger)
    github.add_repository("acme/open", {"a": "b"}, private=False)
    assert source.describe(Repository(github.host, "acme", "open"), stranger).access is Access.READ


def test_the_user_of_a_token_is_known(source: GitHub, token: str) -> None:
    assert source.login(token) == "ann"


def test_an_unknown_token_is_refused_without_being_shown(source: GitHub, repository: Repository) -> None:
    with pytest.raises(TokenRefused, match="the GitHub token is not accepted") as error:
        source.describe(repository, "ghp_secret")
    assert "ghp_secret" not in str(error.value)


def test_a_repository_of_another_host_is_refused(source: GitHub, github: FakeGitHub, token: str) -> None:
    for call in (source.describe, source.clone_url):
        with pytest.raises(InputError, match=f"name one as {github.host}/owner/name"):
            call(Repository("gitlab.com", "a", "b"), *([token] if call == source.describe else []))


def test_a_clone_url_can_be_cloned_with_the_token(
    source: GitHub, github: FakeGitHub, repository: Repository, token: str, tmp_path: object
) -> None:
    url = source.clone_url(repository)
    assert url == f"{github.url}/Acme/shop.git"
    with_login = url.replace("//", f"//x-access-token:{token}@")
    assert "refs/heads/main" in git(github.folder, "ls-remote", with_login)


def test_a_status_is_set(
    source: GitHub, github: FakeGitHub, shop: FakeRepository, repository: Repository, token: str
) -> None:
    sha = shop.sha("refs/heads/main")
    source.post_status(repository, sha, "kontinuous", DONE, "http://kontinuous/1", token)
    source.post_status(repository, sha, "kontinuous/x", CommitStatus(State.ERROR, "e"), "", token)
    shown = github.statuses(sha)
    assert {name: (each["state"], each["description"], each["target_url"]) for name, each in shown.items()} == {
        "kontinuous": ("success", "succeeded", "http://kontinuous/1"),
        "kontinuous/x": ("error", "e", None),
    }


def test_a_status_without_the_permission_is_refused(
    source: GitHub, github: FakeGitHub, shop: FakeRepository, repository: Repository
) -> None:
    with pytest.raises(Forbidden, match="not accessible by personal access token"):
        source.post_status(repository, shop.sha("refs/heads/main"), "c", DONE, "", github.add_user("cat"))


def test_a_status_that_github_will_not_have_is_refused(source: GitHub, repository: Repository, token: str) -> None:
    with pytest.raises(Refused, match="Validation Failed: No commit found"):
        source.post_status(repository, "1" * 40, "c", DONE, "", token)


def test_the_primary_limit_is_kept_until_its_reset(
    source: GitHub, github: FakeGitHub, repository: Repository, token: str
) -> None:
    github.limit(2)
    with pytest.raises(RateLimited, match=r"until \d\d:\d\d:\d\d UTC") as error:
        source.login(token)
    assert 0 < error.value.wait_s <= 2
    with pytest.raises(RateLimited):
        source.describe(repository, token)
    assert len(github.requests) == 1, "while limited, GitHub is not asked"
    assert source.login(github.add_user("ben")) == "ben", "another token's limit is another"
    time.sleep(error.value.wait_s)  # the limit itself is what is waited for
    assert source.login(token) == "ann"


@pytest.mark.parametrize(
    ("status", "message", "headers", "wait_s"),
    [
        (403, "You have exceeded a secondary rate limit", {"retry_after": "7"}, 7),
        (429, "slow down", {"retry_after": "9"}, 9),
        (429, "slow down", {}, 60),
        (403, "You have exceeded a secondary rate limit", {}, 60),
    ],
)
def test_other_limits_are_kept_too(
    source: GitHub, github: FakeGitHub, token: str, status: int, message: str, headers: dict[str, str], wait_s: float
) -> None:
    github.fail("", status, message, **headers)
    with pytest.raises(RateLimited) as error:
        source.login(token)
    assert wait_s - 1 < error.value.wait_s <= wait_s


def test_githubs_own_failures_are_the_infrastructures(source: GitHub, github: FakeGitHub, token: str) -> None:
    for status in (500, 502, 503):
        github.heal()
        github.fail("", status, "Server Error")
        with pytest.raises(InfrastructureError, match=f"GitHub fails at GET /user: {status} Server Error"):
            source.login(token)


def test_a_github_that_is_gone_or_hangs_is_the_infrastructures(github: FakeGitHub, token: str) -> None:
    api = GitHubApi(github.api_url, (0.3, 0.3))
    assert api.get("/user", token)["login"] == "ann"
    github.hang()
    with pytest.raises(InfrastructureError, match="does not answer: it took too long"):
        api.get("/user", token)
    github.stop()
    with pytest.raises(InfrastructureError, match="does not answer"):
        api.get("/user", token)
    github.heal()
    github.start()
    assert api.get("/user", token)["login"] == "ann"


def test_connections_are_kept(source: GitHub, github: FakeGitHub, token: str) -> None:
    for _ in range(5):
        source.login(token)
    assert github.connections == 1


@pytest.mark.parametrize(
    ("url", "api"),
    [("https://github.com", "https://api.github.com"), ("https://git.acme.com", "https://git.acme.com/api/v3")],
)
def test_an_enterprise_server_has_its_api_below_its_own_address(url: str, api: str) -> None:
    from coordinator.links import github_api_url

    assert github_api_url(url) == api


def test_the_stand_in_finds_what_github_does_not_have(github: FakeGitHub, token: str) -> None:
    api = GitHubApi(github.api_url)
    for wrong in (lambda: api.get("/users/ann", token), lambda: api.get("/user", token, {"pretty": "1"})):
        with pytest.raises((NotFound, InfrastructureError)):
            wrong()
    with pytest.raises((NotFound, InfrastructureError)):
        api.post("/repos/a/b/statuses/x", token, {"state": "good", "contexts": "x"})
    assert len(github.problems) == 4
    assert STATUSES in github.problems[2]
    github.problems.clear()
