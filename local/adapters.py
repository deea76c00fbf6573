"""What the core needs on one machine, over running services: the launcher, etcd and S3."""

from coordinator.settings import Settings
from local.docker_launcher import DockerLauncher
from local.engine import Engine
from local.image_pull import RegistryLogin
from local.services import Services
from shared.etcd_kv import EtcdKeyValue
from shared.s3_objects import S3Objects


def make_launcher(engine: Engine, services: Services, instance: str, settings: Settings) -> DockerLauncher:
    """The launcher of an instance, with the login at its internal registry; whoever calls this closes it."""
    login = RegistryLogin(services.registry, settings.registry_login.user, settings.registry_login.password)
    return DockerLauncher(engine.url, services.network, instance, login)


def open_key_value(settings: Settings) -> EtcdKeyValue:
    """etcd, as the coordinator's user."""
    return EtcdKeyValue(settings.kv_address, user=settings.etcd_login.user, password=settings.etcd_login.password)


def open_objects(settings: Settings) -> S3Objects:
    """S3, with the bucket made; raises StoreError."""
    objects = S3Objects(
        settings.s3_url, settings.s3_bucket, access_key=settings.s3_access_key, secret_key=settings.s3_secret_key
    )
    objects.make_bucket()
    return objects
