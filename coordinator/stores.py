"""etcd and S3, as the settings name them."""

from coordinator.settings import Settings
from shared.etcd_kv import EtcdKeyValue
from shared.s3_objects import S3Objects


def open_stores(settings: Settings) -> tuple[EtcdKeyValue, S3Objects]:
    """Both stores; neither is connected before its first call."""
    kv = EtcdKeyValue(settings.kv_address, user=settings.etcd_login.user, password=settings.etcd_login.password)
    objects = S3Objects(
        settings.s3_url,
        settings.s3_bucket,
        access_key=settings.s3_access_key,
        secret_key=settings.s3_secret_key,
        region=settings.s3_region,
    )
    return kv, objects
