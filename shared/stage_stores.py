"""The stores of a stage, opened with what its context and its credentials say."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from shared import keys
from shared.stage_contract import StageContext

if TYPE_CHECKING:
    from shared.store_ports import GuardedKeys, ObjectStore

_ETCD_TIMEOUT_S = 3.0  # short enough to say INTERRUPTED in time although etcd hangs


def open_reports(context: StageContext, credentials: Mapping[str, str]) -> "GuardedKeys":
    """etcd; connects with each call. Raises InputError for a bad address."""
    from shared.etcd_gateway import EtcdGateway

    user, password = credentials.get(keys.ETCD_USER, ""), credentials.get(keys.ETCD_PASSWORD, "")
    return EtcdGateway(context.kv_address, user=user, password=password, timeout_s=_ETCD_TIMEOUT_S)


def open_objects(context: StageContext, credentials: Mapping[str, str]) -> "ObjectStore":
    """The S3 bucket; imports its client, which takes 0.2 s. Raises InputError for a bad address."""
    from shared.s3_objects import S3Objects

    access_key, secret_key = credentials.get(keys.S3_ACCESS_KEY, ""), credentials.get(keys.S3_SECRET_KEY, "")
    return S3Objects(
        context.s3_url, context.s3_bucket, access_key=access_key, secret_key=secret_key, region=context.s3_region
    )
