"""Taking deliveries of webhooks: the signature is checked and the delivery kept, all else comes later.

Nobody but etcd is asked, so that GitHub has its answer at once, whatever its own API does at the moment.
"""

import hashlib
import hmac
from dataclasses import dataclass

from coordinator.delivery import PING, Ignored, read_delivery
from coordinator.delivery_records import DeliveryRecords
from coordinator.settings import Settings
from coordinator.store import BuildStore
from coordinator.tokens import Tokens
from shared.clock import utc_now
from shared.errors import InputError, NotFound
from shared.model import Repository
from shared.store_ports import KeyValue

MAX_DELIVERY_BYTES = 25 * 1024 * 1024
"""GitHub sends no larger ones."""
_ALGORITHM = "sha256="


class SignatureRefused(InputError):
    """A delivery is not signed with the pipeline's secret, or there is no such pipeline."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a delivery: `pong`; `ignored`, with the reason; or `accepted`, and its build if it has one.

    `reason` of an accepted one is why no build can be made of it.
    """

    status: str
    reason: str = ""
    build: int | None = None


class DeliveryIntake:
    """Takes deliveries for all pipelines."""

    def __init__(self, settings: Settings, kv: KeyValue, store: BuildStore) -> None:
        self._tokens = Tokens(store, settings)
        self._records = DeliveryRecords(kv)

    def take(self, repository: Repository, event: str, signature: str, body: bytes) -> Receipt:
        """Take one; raises SignatureRefused, InputError for a body that is not GitHub's, StoreError.

        `signature` is the header X-Hub-Signature-256: the HMAC-SHA256 of the body's very bytes.
        """
        self._check(repository, signature, body)
        if event == PING:
            return Receipt("pong")
        try:
            delivery = read_delivery(event, body, hashlib.sha256(body).hexdigest(), utc_now())
        except Ignored as reason:
            return Receipt("ignored", str(reason))
        kept = self._records.accept(repository, delivery)
        return Receipt("accepted", kept.failed, kept.build or None)

    def _check(self, repository: Repository, signature: str, body: bytes) -> None:
        try:
            secret = self._tokens.hook_secret(repository)
        except NotFound:
            secret = ""
        given = _ALGORITHM + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        if not secret or not hmac.compare_digest(given.encode(), signature.encode()):
            raise SignatureRefused("the delivery is not signed with the secret of a pipeline's webhook")
