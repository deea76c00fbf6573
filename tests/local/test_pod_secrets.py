"""Secrets are found, explained when missing, and packed for a pod's volumes."""

import io
import tarfile

import pytest

from local.pod_plan import SecretItem, SecretVolume
from local.pod_secrets import SecretMissing, SecretStore, volume_archive

WHOLE = SecretVolume("v", "quay", optional=False, mode=0o644)


def test_a_secret_that_came_with_the_job_goes_before_one_that_was_put() -> None:
    store = SecretStore()
    store.put("ns", "quay", {"a": b"put"})
    own = {"metadata": {"name": "quay"}, "data": {"a": "AP8="}, "stringData": {"b": "ä"}}
    assert store.files("ns", [WHOLE], [own]) == [("v/a", b"\x00\xff", 0o644), ("v/b", "ä".encode(), 0o644)]
    assert store.files("ns", [WHOLE], []) == [("v/a", b"put", 0o644)]


def test_a_secret_of_another_namespace_is_not_found() -> None:
    store = SecretStore()
    store.put("elsewhere", "quay", {"a": b"1"})
    with pytest.raises(SecretMissing, match="'quay' in namespace 'ns'"):
        store.files("ns", [WHOLE], [])


def test_a_missing_key_is_named() -> None:
    store = SecretStore()
    store.put("ns", "quay", {"a": b"1"})
    items = (SecretItem("a", "x", 0o400), SecretItem("b", "y", 0o400))
    with pytest.raises(SecretMissing, match="no key 'b'"):
        store.files("ns", [SecretVolume("v", "quay", False, 0o644, items)], [])
    assert store.files("ns", [SecretVolume("v", "quay", True, 0o644, items)], []) == [("v/x", b"1", 0o400)]


def test_the_archive_has_folders_for_anyone_and_the_files() -> None:
    data = volume_archive(["w"], [("v/a/b", b"\x00secret", 0o440)])
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        folder, file = archive.getmembers()
        assert (folder.name, folder.isdir(), folder.mode) == ("kontinuous-volumes/w", True, 0o777)
        assert (file.name, file.mode, file.uid) == ("kontinuous-volumes/v/a/b", 0o440, 0)
        content = archive.extractfile(file)
        assert content is not None
        assert content.read() == b"\x00secret"
