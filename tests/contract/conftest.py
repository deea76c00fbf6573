"""Each store twice: the fake in memory and the real one; every contract test runs over both."""

import uuid
from typing import Any

import pytest

from shared.etcd_kv import EtcdKeyValue
from shared.ports import KeyValue, ObjectStore
from shared.s3_objects import S3Objects
from tests.fakes.stores import FakeKeyValue, FakeObjects


@pytest.fixture
def prefix() -> str:
    """A prefix that no other test uses."""
    return f"/test/{uuid.uuid4().hex}/"


@pytest.fixture(params=["fake", "etcd"])
def key_value(request: pytest.FixtureRequest) -> KeyValue:
    if request.param == "fake":
        return FakeKeyValue()
    services: Any = request.getfixturevalue("services")
    return EtcdKeyValue(services.etcd_address, user=services.etcd_user, password=services.etcd_password)


@pytest.fixture(params=["fake", "s3"])
def objects(request: pytest.FixtureRequest) -> ObjectStore:
    if request.param == "fake":
        return FakeObjects()
    services: Any = request.getfixturevalue("services")
    store = S3Objects(
        services.s3_url, "contract", access_key=services.s3_access_key, secret_key=services.s3_secret_key
    )
    store.make_bucket()
    return store
