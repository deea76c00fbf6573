"""A full disk, told by what is left on it."""

from pathlib import Path

from local.disk import shortage


def test_a_disk_with_room_is_no_shortage(tmp_path: Path) -> None:
    assert shortage(tmp_path, 1) == ""


def test_a_full_disk_is_named_with_what_is_left_and_needed(tmp_path: Path) -> None:
    problem = shortage(tmp_path, 1 << 60)
    assert problem.startswith(f"the disk of {tmp_path} is full: ")
    assert f" {(1 << 60) >> 20} MB needed" in problem
