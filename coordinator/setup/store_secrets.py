"""What our own S3 server and our own registry are to know of `kontinuous-secrets`."""

import json
from collections.abc import Mapping

from coordinator.settings import Login
from coordinator.setup.keeping import kept_or_made, must_fit
from coordinator.setup.own_secrets import OwnSecrets, login_of
from coordinator.setup.passwords import htpasswd, htpasswd_fits
from coordinator.setup.plan import Plan
from coordinator.setup.secret_api import Secrets
from shared.keys import OWN_SECRET

S3_SECRET = "minio"
REGISTRY_SECRET = "internal-registry"
REGISTRY_FOLDER = "/config"
"""Where the registry's pod mounts its Secret."""


def make_store_secrets(plan: Plan, own: OwnSecrets, secrets: Secrets) -> None:
    """Make what our own S3 server and registry are to know. Raises InputError where what is there does not fit."""
    if plan.s3:
        keys = {"RCLONE_AUTH_KEY": rclone_pair(own["S3AccessKey"], own["S3SecretKey"])}
        found = kept_or_made(secrets, plan.namespace, S3_SECRET, lambda: keys)
        must_fit(S3_SECRET, OWN_SECRET, dict(found) == keys)
    if plan.registry:
        login = login_of(own, "Registry")
        found = kept_or_made(secrets, plan.namespace, REGISTRY_SECRET, lambda: _registry_secret(login))
        must_fit(REGISTRY_SECRET, OWN_SECRET, _registry_fits(found, login))


def rclone_pair(access_key: str, secret_key: str) -> str:
    """A login as rclone reads it: one field of a line of CSV, in quotes, since a comma parts the two."""
    return '"{}"'.format(f"{access_key},{secret_key}".replace('"', '""'))


def registry_auth() -> str:
    """What makes a registry ask for a login: the value of its variable REGISTRY_AUTH."""
    return json.dumps({"htpasswd": {"realm": "kontinuous", "path": f"{REGISTRY_FOLDER}/htpasswd"}})


def _registry_secret(login: Login | None) -> dict[str, str]:
    if not login:
        return {}
    return {"auth": registry_auth(), "htpasswd": htpasswd(login.user, login.password)}


def _registry_fits(found: Mapping[str, str], login: Login | None) -> bool:
    if not login:
        return "auth" not in found
    return "auth" in found and htpasswd_fits(found.get("htpasswd", ""), login.user, login.password)
