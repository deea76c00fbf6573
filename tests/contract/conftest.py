"""Each store as the fake in memory and as the real one, by each way to it; every contract test runs over all."""

import uuid

import pytest

from local.services import Services
from shared import keys
from shared.etcd_gateway import EtcdGateway
from shared.etcd_kv import EtcdKeyValue
from shared.s3_objects import S3Objects
from shared.store_ports import GuardedKeys, KeyValue, ObjectStore
from tests.fakes.stores import FakeKeyValue, FakeObjects


@pytest.fixture
def prefix() -> str:
    """A prefix that no other test uses."""
    return f"{keys.REPORTS}contract/{uuid.uuid4().hex}/"


@pytest.fixture(params=["fake", "etcd"])
def key_value(request: pytest.FixtureRequest) -> KeyValue:
    if request.param == "fake":
        return FakeKeyValue()
    services: Services = request.getfixturevalue("services")
    password = services.credentials.etcd_coordinator_password
    return EtcdKeyValue(services.kv_address, user="coordinator", password=password)


@pytest.fixture(params=["fake", "etcd", "gateway"])
def guarded_keys(request: pytest.FixtureRequest) -> GuardedKeys:
    if request.param == "fake":
        return FakeKeyValue()
    services: Services = request.getfixturevalue("services")
    adapter = EtcdKeyValue if request.param == "etcd" else EtcdGateway
    return adapter(services.kv_address, user="stage", password=services.credentials.etcd_stage_password)


@pytest.fixture(params=["fake", "s3"])
def objects(request: pytest.FixtureRequest) -> ObjectStore:
    if request.param == "fake":
        return FakeObjects()
    services: Services = request.getfixturevalue("services")
    known = services.credentials
    store = S3Objects(services.s3_url, "contract", access_key=known.s3_access_key, secret_key=known.s3_secret_key)
    store.make_bucket()
    return store
