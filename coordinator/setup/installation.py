"""The setup's steps. Each makes what is not there, keeps what is, and complains where two parts do not fit together.

`kontinuous-secrets` comes first and is the truth: what the stores are to know follows from it. So a setup that was
interrupted, or one that finds an operator's own `kontinuous-secrets`, goes on from what is there.
"""

import logging
import time
from collections.abc import Callable

from coordinator.setup.builder_secrets import make_builder_secrets
from coordinator.setup.etcd_users import trouble_with_users
from coordinator.setup.own_secrets import OwnSecrets, etcd_logins, make_own_secrets
from coordinator.setup.plan import Plan
from coordinator.setup.secret_api import Secrets
from coordinator.setup.store_secrets import make_store_secrets
from shared.errors import InfrastructureError, StoreError, StoreRefused
from shared.s3_objects import S3Objects

STORE_READY_S = 600
"""How long a store may take to answer: its image must be pulled first."""
POLL_S = 0.5

log = logging.getLogger(__name__)


def install(plan: Plan, secrets: Secrets) -> None:
    """All Secrets first, since every pod waits for one; then what the stores, once they are up, must be told."""
    own = make_own_secrets(plan.namespace, secrets)
    make_store_secrets(plan, own, secrets)
    make_builder_secrets(plan, secrets)
    make_etcd_users(plan, own)
    make_bucket(plan, own)
    log.info("kontinuous is set up")


def make_etcd_users(plan: Plan, own: OwnSecrets, limit_s: float = STORE_READY_S) -> None:
    """Give a new etcd its users. Raises InfrastructureError where it does not answer, or has others already."""
    logins = etcd_logins(own)
    if not logins:
        log.info("kontinuous-secrets has no EtcdRootPassword: etcd is taken as it is")
        return
    _wait(
        f"etcd at {plan.kv_address}",
        lambda: trouble_with_users(f"http://{plan.kv_address.removeprefix('http://')}", logins),
        limit_s,
    )


def make_bucket(plan: Plan, own: OwnSecrets, limit_s: float = STORE_READY_S) -> None:
    """Make the bucket unless it is there. Raises StoreRefused, or InfrastructureError where S3 does not answer."""
    objects = S3Objects(
        plan.s3_url,
        plan.s3_bucket,
        access_key=own["S3AccessKey"],
        secret_key=own["S3SecretKey"],
        region=plan.s3_region,
    )

    def trouble() -> str:
        try:
            objects.make_bucket()
        except StoreRefused:
            raise
        except StoreError as error:
            return str(error)
        return ""

    _wait(f"S3 at {plan.s3_url}", trouble, limit_s)


def _wait(what: str, trouble: Callable[[], str], limit_s: float) -> None:
    """Wait until there is no `trouble` any more; what it was last is told where that takes too long."""
    log.info("waiting for %s", what)
    deadline = time.monotonic() + limit_s
    while last := trouble():
        if time.monotonic() > deadline:
            raise InfrastructureError(f"{what} did not answer within {limit_s:.0f} s: {last}")
        time.sleep(POLL_S)
