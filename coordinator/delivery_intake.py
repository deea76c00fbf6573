"""Taking deliveries of webhooks: the signature is checked and the delivery kept, all else comes later.

Nobody but etcd is asked, so that GitHub has its answer at once, whatever its own API does at the moment.
"""

import hashlib
import hmac
import re
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
_SIGNATURE = re.compile(_ALGORITHM + "[0-9a-f]{64}")
_REFUSED = "the delivery is not signed with the secret of a pipeline's webhook"


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

    def secret(self, repository: Repository, signature: str) -> str:
        """What a delivery of the repository is signed with; raises SignatureRefused where no body would be taken: the
        repository has no webhook, or `signature` is none. Raises InputError, StoreError."""
        try:
            secret = self._tokens.hook_secret(repository)
        except NotFound:
            secret = ""
        if not secret or not _SIGNATURE.fullmatch(signature):
            raise SignatureRefused(_REFUSED)
        return secret

    def take(self, repository: Repository, secret: str, event: str, signature: str, body: bytes) -> Receipt:
        """Take one that is signed with `secret`; raises SignatureRefused, InputError for a body that is not GitHub's,
        StoreError.

        `signature` is the header X-Hub-Signature-256: the HMAC-SHA256 of the body's very bytes.
        """
        given = _ALGORITHM + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(given.encode(), signature.encode()):
            raise SignatureRefused(_REFUSED)
        if event == PING:
            return Receipt("pong")
        try:
            delivery = read_delivery(event, body, hashlib.sha256(body).hexdigest(), utc_now())
        except Ignored as reason:
            return Receipt("ignored", str(reason))
        kept = self._records.accept(repository, delivery)
        return Receipt("accepted", kept.failed, kept.build or None)
