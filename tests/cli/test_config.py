"""What `login` saves, and how it is put together with the environment."""

import base64
from pathlib import Path

import jwt
import pytest

from cli.config import Config, config_file, read_config, write_config
from cli.remote import named_remote
from shared.errors import InputError

SECRET = base64.b64encode(b"k" * 32).decode()
OTHER = base64.b64encode(b"o" * 32).decode()
URL = "http://k:3005"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CONFIG_HOME": str(tmp_path / "xdg")}


def test_the_file_is_where_the_environment_says() -> None:
    assert config_file({}) == Path("~/.config/kontinuous/config.yml").expanduser()
    assert config_file({"XDG_CONFIG_HOME": "/x"}) == Path("/x/kontinuous/config.yml")
    assert config_file({"XDG_CONFIG_HOME": "/x", "KONTINUOUS_CONFIG": "/y"}) == Path("/y")


def test_what_is_saved_is_for_the_user_alone_and_whole(environment: dict[str, str]) -> None:
    path = write_config(Config(URL, token="t"), environment)
    write_config(Config(URL, auth_secret="s", github_token="g"), environment)
    assert read_config(environment) == Config(URL, "", "s", "g")
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert [each.name for each in path.parent.iterdir()] == ["config.yml"]
    assert "s" not in repr(Config("", "", "s"))[7:]


def test_a_link_to_the_file_stays_a_link(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "xdg/kontinuous").mkdir(parents=True)
    config_file(environment).symlink_to(tmp_path / "dotfile")
    write_config(Config(URL, token="t"), environment)
    assert config_file(environment).is_symlink()
    assert read_config(environment).token == "t"


@pytest.mark.parametrize("text", ["[1]", "url: 3", "{", "ulr: http://k", "\x00"])
def test_a_file_that_is_none_of_ours_is_named(environment: dict[str, str], text: str) -> None:
    path = write_config(Config(URL, token="t"), environment)
    path.write_text(text)
    with pytest.raises(InputError, match=r"config\.yml"):
        read_config(environment)


def identity(environment: dict[str, str], **variables: str) -> tuple[str, str]:
    """The server, and the token: as it is, or the GitHub token in it where it was made here."""
    remote = named_remote(environment | variables)
    assert remote is not None
    if remote.token.count(".") != 2:
        return remote.url, remote.token
    key = OTHER if variables.get("KONTINUOUS_AUTH_SECRET") == OTHER else SECRET
    payload = jwt.decode(remote.token, base64.b64decode(key), algorithms=["HS256"])
    return remote.url, payload["identities"][0]["access_token"]


def test_the_environment_goes_before_the_file(environment: dict[str, str]) -> None:
    write_config(Config(URL, auth_secret=SECRET, github_token="saved"), environment)
    assert identity(environment) == (URL, "saved")
    assert identity(environment, GITHUB_TOKEN="given") == (URL, "given")
    assert identity(environment, KONTINUOUS_AUTH_SECRET=OTHER) == (URL, "saved")
    assert identity(environment, KONTINUOUS_TOKEN="whole") == (URL, "whole")
    write_config(Config(URL, token="t"), environment)
    assert identity(environment, GITHUB_TOKEN="given") == (URL, "t")
    assert identity(environment, KONTINUOUS_AUTH_SECRET=SECRET, GITHUB_TOKEN="given") == (URL, "given")
    assert named_remote(environment | {"KONTINUOUS_URL": "local"}) is None


def test_what_was_saved_for_one_server_is_not_sent_to_another(environment: dict[str, str]) -> None:
    write_config(Config(URL, token="t"), environment)
    assert identity(environment, KONTINUOUS_URL=f"{URL}/") == (f"{URL}/", "t")
    with pytest.raises(InputError, match="kontinuous login http://evil"):
        named_remote(environment | {"KONTINUOUS_URL": "http://evil", "GITHUB_TOKEN": "g"})
