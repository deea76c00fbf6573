"""The state folder: made once, private, and clear about what is wrong with it."""

import base64
import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local.home import Home, open_home, write_private
from shared.errors import InfrastructureError

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")


def opened(root: Path) -> Home:
    return open_home({"KONTINUOUS_HOME": str(root)})


def test_credentials_are_made_once_and_then_kept(tmp_path: Path) -> None:
    assert opened(tmp_path).credentials == opened(tmp_path).credentials


def test_two_folders_share_no_secret(tmp_path: Path) -> None:
    first, second = (opened(tmp_path / name).credentials for name in "ab")
    assert first.auth_secret != second.auth_secret
    assert first.etcd_stage_password != second.etcd_stage_password


def test_only_the_owner_may_read_credentials(tmp_path: Path) -> None:
    opened(tmp_path)
    assert (tmp_path / "credentials.json").stat().st_mode & 0o777 == 0o600


def test_the_auth_secret_is_base64_of_32_bytes(tmp_path: Path) -> None:
    assert len(base64.b64decode(opened(tmp_path).credentials.auth_secret, validate=True)) == 32


def test_no_secret_shows_in_a_printed_home(tmp_path: Path) -> None:
    home = opened(tmp_path)
    assert home.credentials.s3_secret_key not in repr(home)


def test_of_many_that_make_credentials_at_once_all_get_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: opened(tmp_path).credentials, range(16)))
    assert len(found) == 1
    assert not list(tmp_path.glob(".credentials*"))


def test_damaged_credentials_are_named_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "credentials.json").write_text("{")
    with pytest.raises(InfrastructureError, match=r"credentials\.json is damaged"):
        opened(tmp_path)
    assert (tmp_path / "credentials.json").read_text() == "{"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InfrastructureError, match="KONTINUOUS_HOME"):
        opened(tmp_path / "file" / "home")


def test_the_instance_depends_on_the_folder_alone(tmp_path: Path) -> None:
    assert opened(tmp_path).instance == opened(tmp_path / "x" / "..").instance
    assert len(opened(tmp_path).instance) == 8


def test_a_private_file_is_replaced_whole(tmp_path: Path) -> None:
    write_private(tmp_path / "file", "old")
    write_private(tmp_path / "file", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "new"


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], check=True)
    try:
        subprocess.run(["dd", "if=/dev/zero", f"of={disk}/filler", "bs=4k"], check=False, capture_output=True)
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@root_only
def test_a_full_disk_is_said_to_be_full(full_disk: Path) -> None:
    with pytest.raises(InfrastructureError, match="No space left on device"):
        opened(full_disk)
