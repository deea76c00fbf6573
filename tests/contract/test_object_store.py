"""What every ObjectStore does."""

from pathlib import Path

import pytest

from shared.errors import ObjectMissing
from shared.store_ports import ObjectInfo, ObjectStore


@pytest.fixture
def folder(prefix: str) -> str:
    """A prefix of object keys, which begin with no slash."""
    return prefix.removeprefix("/")


def whole(objects: ObjectStore, key: str, offset: int = 0, length: int | None = None) -> bytes:
    return b"".join(objects.read(key, offset, length))


def test_an_object_is_read_as_it_was_put(objects: ObjectStore, folder: str) -> None:
    data = bytes(range(256)) * 1000
    objects.put(folder + "a", data)
    assert whole(objects, folder + "a") == data


def test_put_replaces_an_object_whole(objects: ObjectStore, folder: str) -> None:
    objects.put(folder + "a", b"a long first value")
    objects.put(folder + "a", b"short")
    assert whole(objects, folder + "a") == b"short"


def test_an_empty_object_is_there(objects: ObjectStore, folder: str) -> None:
    objects.put(folder + "empty", b"")
    assert whole(objects, folder + "empty") == b""
    assert whole(objects, folder + "empty", 5) == b""
    assert objects.list(folder) == (ObjectInfo(folder + "empty", 0),)


@pytest.mark.parametrize(
    ("offset", "length", "expected"),
    [
        (0, 4, b"0123"),
        (3, None, b"3456789"),
        (3, 2, b"34"),
        (8, 100, b"89"),
        (0, 0, b""),
        (10, None, b""),
        (99, 5, b""),
    ],
)
def test_a_part_of_an_object_is_read(
    objects: ObjectStore, folder: str, offset: int, length: int | None, expected: bytes
) -> None:
    objects.put(folder + "a", b"0123456789")
    assert whole(objects, folder + "a", offset, length) == expected


@pytest.mark.parametrize("offset", [0, 5])
def test_an_object_that_is_not_there_is_missing(objects: ObjectStore, folder: str, offset: int) -> None:
    with pytest.raises(ObjectMissing):
        next(objects.read(folder + "none", offset))


@pytest.mark.parametrize("name", ["a", "artifacts/a b/ü+%.txt"])
def test_the_size_of_an_object_is_known_without_reading_it(objects: ObjectStore, folder: str, name: str) -> None:
    for data in (b"", b"0123456789"):
        objects.put(folder + name, data)
        assert objects.size(folder + name) == len(data)


@pytest.mark.parametrize("name", ["9.41.05\u202fAM.png", "👩\u200d💻.txt", "a%2Fb", "a\xa0b", "a\u2028b"])
def test_an_object_is_listed_under_the_very_name_it_was_put(objects: ObjectStore, folder: str, name: str) -> None:
    objects.put(folder + name, b"1")
    assert [item.key for item in objects.list(folder)] == [folder + name]
    assert (objects.size(folder + name), whole(objects, folder + name)) == (1, b"1")


@pytest.mark.parametrize("name", ["none", "a/b", "a", "a/b/c/d", "x" * 300, "x/" * 1000 + "y"])
def test_what_is_no_object_has_no_size(objects: ObjectStore, folder: str, name: str) -> None:
    objects.put(folder + "a/b/c", b"1")
    with pytest.raises(ObjectMissing):
        objects.size(folder + name)


@pytest.mark.parametrize("size", [0, 1000, 20 * 1024 * 1024 + 1])
def test_a_file_becomes_an_object(objects: ObjectStore, folder: str, tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(range(250)) * (size // 250) + bytes(size % 250))
    objects.put_file(folder + "file", path)
    assert whole(objects, folder + "file") == path.read_bytes()
    assert objects.list(folder) == (ObjectInfo(folder + "file", size),)


def test_list_gives_all_levels_below_a_prefix_in_key_order(objects: ObjectStore, folder: str) -> None:
    for name in ("log/chunk-2", "log/archive", "artifacts/a b/ü+%.txt", "log2"):
        objects.put(folder + name, b"x")
    assert [info.key.removeprefix(folder) for info in objects.list(folder)] == [
        "artifacts/a b/ü+%.txt", "log/archive", "log/chunk-2", "log2",
    ]  # fmt: skip
    assert [info.key for info in objects.list(folder + "log/")] == [folder + "log/archive", folder + "log/chunk-2"]


def test_list_of_an_unused_prefix_is_empty(objects: ObjectStore, folder: str) -> None:
    assert objects.list(folder + "nothing/") == ()


def test_list_is_complete_beyond_a_page_of_the_server(objects: ObjectStore, folder: str) -> None:
    names = [f"{folder}{number:04d}" for number in range(1050)]
    for name in names:
        objects.put(name, b"")
    assert [info.key for info in objects.list(folder)] == names


def test_delete_removes_objects_and_passes_over_absent_ones(objects: ObjectStore, folder: str) -> None:
    objects.put(folder + "a", b"1")
    objects.put(folder + "b", b"2")
    objects.delete([folder + "a", folder + "none"])
    assert [info.key for info in objects.list(folder)] == [folder + "b"]
