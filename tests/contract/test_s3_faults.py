"""What only a real S3 server can show: losses of connection, and refusals."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.services import Services
from shared.errors import InputError, ObjectMissing, StoreError, StoreRefused
from shared.s3_objects import S3Objects
from tests.gate import Gate


@pytest.fixture
def gate(services: Services) -> Iterator[Gate]:
    gate = Gate(("127.0.0.1", int(services.s3_url.rpartition(":")[2])))
    yield gate
    gate.thaw()
    gate.shut()


@pytest.fixture
def s3(services: Services, gate: Gate) -> S3Objects:
    return opened(services, gate)


def opened(services: Services, gate: Gate, bucket: str = "contract", secret_key: str = "") -> S3Objects:
    known = services.credentials
    secret_key = secret_key or known.s3_secret_key
    url = f"http://{gate.address}"
    return S3Objects(url, bucket, access_key=known.s3_access_key, secret_key=secret_key, answer_timeout_s=1.0)


@pytest.mark.parametrize("url", ["minio:9000", "ftp://minio", "http://", "http://minio:9000/path"])
def test_an_address_that_is_no_server_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="no address of an S3 server"):
        S3Objects(url, "b", access_key="aaa", secret_key="bbb")


def test_a_dead_server_is_a_store_error_and_then_works_again(s3: S3Objects, gate: Gate) -> None:
    s3.make_bucket()
    s3.put("dead", b"1")
    gate.shut()
    with pytest.raises(StoreError, match="does not answer"):
        s3.put("dead", b"2")
    gate.open()
    s3.put("dead", b"3")
    assert b"".join(s3.read("dead")) == b"3"


def test_a_frozen_server_is_a_store_error_in_time(s3: S3Objects, gate: Gate, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(1000))
    gate.freeze()
    began = time.monotonic()
    for call in (lambda: s3.put_file("frozen", tmp_path / "file"), lambda: list(s3.read("x")), lambda: s3.list("x")):
        with pytest.raises(StoreError, match="does not answer"):
            call()
    assert time.monotonic() - began < 15


def test_a_server_that_dies_while_an_object_is_read_is_a_store_error(s3: S3Objects, gate: Gate) -> None:
    s3.make_bucket()
    s3.put("large", bytes(32 * 1024 * 1024))
    parts = s3.read("large")
    assert next(parts)
    gate.shut()
    with pytest.raises(StoreError, match="does not answer"):
        list(parts)


def test_wrong_keys_are_refused(services: Services, gate: Gate) -> None:
    s3 = opened(services, gate, secret_key="wrong-secret")
    for call in (lambda: s3.put("x", b""), lambda: list(s3.read("x"))):
        with pytest.raises(StoreRefused, match=r"S3 at .* answers"):
            call()


def test_a_bucket_that_is_not_there_is_refused_and_no_missing_object(services: Services, gate: Gate) -> None:
    s3 = opened(services, gate, bucket="nowhere")
    with pytest.raises(StoreRefused, match="NoSuchBucket"):
        s3.put("x", b"")


def test_a_missing_object_names_itself_as_such(s3: S3Objects) -> None:
    s3.make_bucket()
    with pytest.raises(ObjectMissing, match="no such object"):
        next(s3.read("never"))


def test_a_bucket_may_be_made_twice(s3: S3Objects) -> None:
    s3.make_bucket()
    s3.make_bucket()


def test_a_file_that_is_not_there_is_an_os_error(s3: S3Objects, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        s3.put_file("x", tmp_path / "none")
