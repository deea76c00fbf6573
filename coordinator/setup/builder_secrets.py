"""The builder's certificates, each in a Secret: its authority's, its own, and the client's."""

import logging
from collections.abc import Callable

from coordinator.settings import BUILDER_TLS_FILES
from coordinator.setup.certificates import KeyPair, make_authority, make_client, make_server
from coordinator.setup.keeping import kept_or_made, must_fit
from coordinator.setup.plan import Plan, Service
from coordinator.setup.secret_api import NotPermitted, Secrets

AUTHORITY_SECRET = "builder-ca"
SERVER_SECRET = "builder-server"
CLIENT_SECRET = "builder-client"
CLIENT = "kontinuous"

log = logging.getLogger(__name__)


def make_builder_secrets(plan: Plan, secrets: Secrets) -> None:
    """Make the builder's certificates, where its namespace lets us; otherwise they are its operator's concern."""
    if not plan.builder:
        return
    try:
        _make(plan.builder, plan.namespace, secrets)
    except NotPermitted as error:
        log.warning("the certificates of %s are left to its operator: %s", plan.builder.hosts[0], error)


def _make(builder: Service, namespace: str, secrets: Secrets) -> None:
    """The authority's key stays in the builder's namespace, to sign again what somebody deletes."""
    kept = kept_or_made(secrets, builder.namespace, AUTHORITY_SECRET, lambda: _authority(builder))
    authority = KeyPair(kept["ca.pem"], kept["ca-key.pem"])

    def keep(where: str, name: str, pair: Callable[[], KeyPair]) -> None:
        found = kept_or_made(secrets, where, name, lambda: _files(authority, pair()))
        must_fit(f"{where}/{name}", AUTHORITY_SECRET, found.get("ca.pem") == authority.certificate)

    keep(builder.namespace, SERVER_SECRET, lambda: make_server(authority, builder.hosts))
    keep(namespace, CLIENT_SECRET, lambda: make_client(authority, CLIENT))


def _authority(builder: Service) -> dict[str, str]:
    pair = make_authority(f"authority of {builder.hosts[0]}")
    return {"ca.pem": pair.certificate, "ca-key.pem": pair.key}


def _files(authority: KeyPair, pair: KeyPair) -> dict[str, str]:
    return dict(zip(BUILDER_TLS_FILES, (authority.certificate, pair.certificate, pair.key), strict=True))
