"""`kontinuous-secrets`: README's three keys, and the logins of the stores where there are any."""

import json
from collections.abc import Mapping
from typing import Any

from coordinator.settings import Login
from coordinator.setup.etcd_users import EtcdLogins
from coordinator.setup.keeping import kept_or_made
from coordinator.setup.passwords import random_access_key, random_auth_secret, random_password
from coordinator.setup.secret_api import Secrets
from shared.errors import InputError
from shared.keys import OWN_SECRET

OwnSecrets = Mapping[str, Any]
"""The JSON in `kontinuous-secrets`."""


def make_own_secrets(namespace: str, secrets: Secrets) -> OwnSecrets:
    """Return the content of `kontinuous-secrets`, making it where it is not there; raises InputError for a bad one."""
    found = kept_or_made(secrets, namespace, OWN_SECRET, lambda: {OWN_SECRET: json.dumps(_random_secrets())})
    try:
        own = json.loads(found[OWN_SECRET])
    except (KeyError, ValueError) as error:
        raise InputError(f"the Secret {OWN_SECRET} has no key {OWN_SECRET} with JSON in it: {error!r}") from error
    missing = [name for name in ("S3AccessKey", "S3SecretKey") if not (isinstance(own, dict) and own.get(name))]
    if missing:
        raise InputError(f"{', '.join(missing)} is missing in {OWN_SECRET}")
    return dict(own)


def etcd_logins(own: OwnSecrets) -> EtcdLogins | None:
    """The users that etcd is to have; None where `kontinuous-secrets` has no password for etcd's root."""
    root, coordinator, stage = own.get("EtcdRootPassword"), login_of(own, "Etcd"), login_of(own, "StageEtcd")
    if not root:
        return None
    if not coordinator or not stage:
        raise InputError(f"{OWN_SECRET} has EtcdRootPassword, and not both logins Etcd… and StageEtcd…")
    return EtcdLogins(root, coordinator, stage)


def login_of(own: OwnSecrets, prefix: str) -> Login | None:
    """The user and password of one store in `kontinuous-secrets`; None where it has none."""
    user = own.get(f"{prefix}User")
    return Login(user, own.get(f"{prefix}Password", "")) if user else None


def _random_secrets() -> dict[str, str]:
    return {
        "AuthSecret": random_auth_secret(),
        "S3AccessKey": random_access_key(),
        "S3SecretKey": random_password(),
        "EtcdRootPassword": random_password(),
        "EtcdUser": "coordinator",
        "EtcdPassword": random_password(),
        "StageEtcdUser": "stage",
        "StageEtcdPassword": random_password(),
        "RegistryUser": "kontinuous",
        "RegistryPassword": random_password(),
    }
