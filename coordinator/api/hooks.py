"""The route that webhooks deliver to. It wants no token: each delivery is signed with its pipeline's secret."""

import bottle

from coordinator.api.errors import HttpError, JsonBottle
from coordinator.api.large_bodies import LargeBodies
from coordinator.api.operation import Operation
from coordinator.delivery_intake import MAX_DELIVERY_BYTES, DeliveryIntake, SignatureRefused
from shared import api_records
from shared.model import Repository


def add_routes(app: JsonBottle, deliveries: DeliveryIntake) -> None:
    """Add the route."""
    large = LargeBodies()

    @app.post(
        "/api/v1/hooks/<host>/<owner>/<name>",
        public=True,
        operation=Operation(202, errors=(400, 401, 408, 413, 422)),
    )
    def take_delivery(host: str, owner: str, name: str) -> api_records.Receipt:
        """Take a delivery of a webhook, signed with its pipeline's secret; builds are made of it afterwards."""
        repository = Repository(host, owner, name)
        event, signature = (bottle.request.get_header(h, "") for h in ("X-GitHub-Event", "X-Hub-Signature-256"))
        try:
            secret = deliveries.secret(repository, signature)  # before the body: anybody may send one
            with large.body(MAX_DELIVERY_BYTES) as body:
                receipt = deliveries.take(repository, secret, event, signature, body)
        except SignatureRefused as error:
            raise HttpError(401, "bad_signature", str(error)) from error
        bottle.response.status = 202
        return {"status": receipt.status, "reason": receipt.reason, "build": receipt.build}
