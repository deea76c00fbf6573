"""Stored access tokens: readable by nobody without AuthSecret, nor out of another pipeline's record."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.store import BuildStore
from coordinator.tokens import Tokens, TokenVault
from coordinator.views import pipeline_view
from shared import keys
from shared.codec import encode
from shared.errors import InputError, NotFound
from shared.model import Repository
from tests.coordinator.samples import build, settings
from tests.fakes.stores import FakeKeyValue

SECRET = bytes(range(48))
SHOP = Repository("github.com", "acme", "shop")
TOKEN = "ghp_0123456789abcdef"

repositories = st.builds(Repository, st.text(), st.text(), st.text())


def test_a_logins_token_is_no_pipelines() -> None:
    vault = TokenVault(SECRET)
    with pytest.raises(InputError):
        vault.open(SHOP, vault.seal_identity(str(SHOP), TOKEN))
    with pytest.raises(InputError):
        vault.open_identity(str(SHOP), vault.seal(SHOP, TOKEN))


@given(repositories, st.text(alphabet=st.characters(codec="utf-8")))
def test_what_was_sealed_is_opened(repository: Repository, token: str) -> None:
    vault = TokenVault(SECRET)
    assert vault.open(repository, vault.seal(repository, token)) == token


def test_nothing_of_a_token_is_seen_and_no_two_seals_are_alike() -> None:
    one, other = (TokenVault(SECRET).seal(SHOP, TOKEN) for _ in range(2))
    assert one != other
    assert TOKEN[4:8] not in one


@pytest.mark.parametrize(
    ("secret", "repository"), [(bytes(48), SHOP), (SECRET, Repository("github.com", "acme", "other"))]
)
def test_another_secret_or_another_repository_opens_nothing(secret: bytes, repository: Repository) -> None:
    sealed = TokenVault(SECRET).seal(SHOP, TOKEN)
    with pytest.raises(InputError, match="create the pipeline again"):
        TokenVault(secret).open(repository, sealed)


@pytest.mark.parametrize("sealed", ["", "v1.", "v1.????", "v1.AAAA", "v2.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"])
def test_what_is_no_seal_is_refused(sealed: str) -> None:
    with pytest.raises(InputError):
        TokenVault(SECRET).open(SHOP, sealed)


def test_a_seal_that_was_changed_is_refused() -> None:
    sealed = TokenVault(SECRET).seal(SHOP, TOKEN)
    for at in (5, len(sealed) - 6):
        changed = sealed[:at] + ("A" if sealed[at] != "A" else "B") + sealed[at + 1 :]
        with pytest.raises(InputError):
            TokenVault(SECRET).open(SHOP, changed)


@pytest.fixture
def store() -> BuildStore:
    return BuildStore(FakeKeyValue())


@pytest.fixture
def tokens(store: BuildStore) -> Tokens:
    return Tokens(store, settings())


def test_a_pipelines_token_is_kept_encrypted_and_shown_nowhere(store: BuildStore, tokens: Tokens) -> None:
    record = store.create_pipeline(SHOP, "https://github.com/acme/shop.git", tokens.sealed(SHOP, TOKEN))
    assert tokens.of(SHOP) == TOKEN
    assert TOKEN.encode() not in encode(record)
    assert record.token not in repr(record)
    assert "token" not in pipeline_view(record)


def test_a_builds_stages_get_it_for_statuses_and_for_the_clone(store: BuildStore, tokens: Tokens) -> None:
    store.create_pipeline(SHOP, "https://github.com/acme/shop.git", tokens.sealed(SHOP, TOKEN))
    assert tokens.credentials(replace(build(), repository=SHOP)) == {
        keys.GITHUB_TOKEN: TOKEN,
        keys.GIT_USER: "x-access-token",
        keys.GIT_PASSWORD: TOKEN,
    }


def test_a_local_folder_keeps_no_token(store: BuildStore, tokens: Tokens) -> None:
    folder = build().repository
    store.create_pipeline(folder, "http://git/hello.git", tokens.sealed(folder, TOKEN))
    assert tokens.of(folder) == ""
    assert tokens.credentials(build()) == {}


def test_without_a_pipeline_there_is_no_token(tokens: Tokens) -> None:
    with pytest.raises(NotFound):
        tokens.of(SHOP)
