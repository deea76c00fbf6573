"""Logging in: what is asked for, what is checked, what is saved; and that none of it is seen."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest
import yaml

from cli.client import Client, Refused
from cli.device_login import device_login
from cli.screen import Screen
from shared.errors import TokenRefused
from tests.cli.conftest import KONTINUOUS, Run, Start, environment
from tests.cli.elsewhere import SECRET, Elsewhere
from tests.coordinator.api.api_server import Server
from tests.coordinator.api.front_door import FrontDoor
from tests.fakes.github import FakeGitHub


@pytest.fixture
def elsewhere(github: FakeGitHub, kontinuous: Run) -> Iterator[Elsewhere]:
    door = FrontDoor(github)
    yield Elsewhere(door, kontinuous)
    door.server.close()


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """Where the login is saved."""
    return tmp_path / "config/kontinuous/config.yml"


def give(start: Start, text: str, *arguments: str, **variables: str) -> tuple[int, str, str]:
    process = start("login", *arguments, **variables)
    stdout, stderr = process.communicate(text, timeout=60)
    return process.returncode, stdout, stderr


def at_terminal(*arguments: str, **variables: str) -> Any:
    words = [*KONTINUOUS[1:], *arguments]
    return pexpect.spawn(KONTINUOUS[0], words, env=environment(**variables), encoding="utf-8", timeout=30)


def test_a_github_token_on_stdin_and_the_secret_make_a_login(elsewhere: Elsewhere, start: Start, saved: Path) -> None:
    url, token = elsewhere.door.server.url, elsewhere.door.tokens["ann"]
    done = give(start, f"{token}\n", url, "--github-token-stdin", KONTINUOUS_AUTH_SECRET=SECRET)
    assert done == (0, f"You are ann at {url}; saved in {saved}\n", "")
    assert yaml.safe_load(saved.read_text()) == {"url": url, "auth_secret": SECRET, "github_token": token}
    assert saved.stat().st_mode & 0o777 == 0o600
    assert elsewhere.run("get", "pipelines", "-o", "json").stdout == "[]\n"
    assert elsewhere.run("logout").stdout == f"{saved} is removed\n"
    assert elsewhere.run("logout").stdout == "You were not logged in\n"


def test_a_logout_removes_the_file_itself_where_a_link_leads_to_it(
    elsewhere: Elsewhere, start: Start, saved: Path, tmp_path: Path
) -> None:
    saved.parent.mkdir(parents=True)
    saved.symlink_to(tmp_path / "dotfile")
    url, token = elsewhere.door.server.url, elsewhere.door.token("ben")
    assert give(start, token, url, "--token-stdin")[0] == 0
    assert (tmp_path / "dotfile").exists()
    assert elsewhere.run("logout").stdout == f"{tmp_path / 'dotfile'} is removed\n"
    assert not (tmp_path / "dotfile").exists()


def test_a_token_of_the_api_on_stdin_is_a_login(elsewhere: Elsewhere, start: Start, saved: Path) -> None:
    url, token = elsewhere.door.server.url, elsewhere.door.token("ben")
    assert give(start, token, url, "--token-stdin")[1].startswith("You are ben at ")
    assert yaml.safe_load(saved.read_text()) == {"url": url, "token": token}


@pytest.mark.parametrize(
    ("text", "arguments", "variables", "said"),
    [
        ("nonsense\n", ["--token-stdin"], {}, "the token is not valid"),
        ("no\u00f1\n", ["--token-stdin"], {}, "ASCII"),
        ("", ["--token-stdin"], {}, "expected on stdin"),
        ("nobody\n", ["--github-token-stdin"], {"KONTINUOUS_AUTH_SECRET": SECRET}, "GitHub"),
        ("gh\n", ["--github-token-stdin"], {"KONTINUOUS_AUTH_SECRET": "?"}, "not base64"),
        ("gh\n", ["--github-token-stdin"], {"KONTINUOUS_AUTH_SECRET": "Zm9v"}, "has 3 bytes"),
        ("gh\n", ["--github-token-stdin"], {}, "AuthSecret"),
    ],
)
def test_what_is_refused_is_not_saved(
    elsewhere: Elsewhere,
    start: Start,
    saved: Path,
    text: str,
    arguments: list[str],
    variables: dict[str, str],
    said: str,
) -> None:
    code, stdout, stderr = give(start, text, elsewhere.door.server.url, *arguments, **variables)
    assert (code, stdout, len(stderr.splitlines())) == (2, "", 1), stderr
    assert said in stderr
    assert not saved.exists()


def test_a_service_without_an_oauth_app_asks_for_what_there_is(kontinuous: Run, start: Start, saved: Path) -> None:
    server = Server()
    code, _, stderr = give(start, "", server.url)
    assert (code, "--github-token-stdin" in stderr) == (2, True)
    child = at_terminal("login", server.url)
    child.expect_exact("[s] ")
    child.sendline("t")
    child.expect_exact("Token of the API: ")
    child.sendline(server.service.token("zoe"))
    child.expect_exact(f"You are zoe at {server.url}")
    child.expect(pexpect.EOF)
    server.close()
    assert set(yaml.safe_load(saved.read_text())) == {"url", "token"}


def test_a_server_that_is_not_there_is_said(start: Start, saved: Path) -> None:
    code, _, stderr = give(start, "t", "http://127.0.0.1:1", "--token-stdin")
    assert (code, "does not answer" in stderr, saved.exists()) == (3, True, False)
    assert give(start, "t", "127.0.0.1", "--token-stdin")[0] == 2
    assert give(start, "t", "--token-stdin")[0] == 2


def test_a_person_logs_in_through_github_where_that_is_offered(elsewhere: Elsewhere, saved: Path) -> None:
    github, url = elsewhere.door.github, elsewhere.door.server.url
    child = at_terminal("login", url)
    child.expect(r"Open https://github\.com/login/device and enter the code (\S+)")
    github.oauth.enter(child.match[1], "ben")
    child.expect_exact(f"You are ben at {url}")
    child.expect(pexpect.EOF)
    assert set(yaml.safe_load(saved.read_text())) == {"url", "token"}


def test_github_is_asked_as_slowly_as_it_wants(elsewhere: Elsewhere) -> None:
    oauth, paused = elsewhere.door.github.oauth, list[float]()
    words = ["authorization_pending", "slow_down", "slow_down", ""]

    def sleep(pause_s: float) -> None:
        paused.append(pause_s)
        [device] = oauth.devices.values()
        oauth.enter(device.user_code, "ann", words[len(paused) - 1])

    assert device_login(Client(elsewhere.door.server.url, ""), Screen(io.StringIO()), sleep)
    assert paused == [5, 5, 10, 15]
    words[:] = ["access_denied"]
    paused.clear()
    with pytest.raises(TokenRefused, match="access_denied"):
        device_login(Client(elsewhere.door.server.url, ""), Screen(io.StringIO()), sleep)
    words[:] = ["device_flow_disabled"]
    paused.clear()
    oauth.devices.clear()
    with pytest.raises(Refused, match="enable the device flow"):
        device_login(Client(elsewhere.door.server.url, ""), Screen(io.StringIO()), sleep)


def test_secrets_are_asked_for_unseen(elsewhere: Elsewhere, saved: Path) -> None:
    url, token = elsewhere.door.server.url, elsewhere.door.tokens["ann"]
    child = at_terminal("login", url, "--with-secret")
    child.expect_exact("AuthSecret")
    child.expect_exact(": ")
    child.sendline(SECRET)
    child.expect_exact("GitHub token: ")
    child.sendline(token)
    child.expect_exact(f"You are ann at {url}")
    child.expect(pexpect.EOF)
    assert token not in child.before
    child.close()
    assert child.exitstatus == 0
    assert yaml.safe_load(saved.read_text())["github_token"] == token
