"""The route that webhooks deliver to. It wants no token: each delivery is signed with its pipeline's secret."""

import bottle

from coordinator.api.errors import HttpError, JsonBottle
from coordinator.api.operation import Operation
from coordinator.api.requests import read_bytes
from coordinator.delivery_intake import MAX_DELIVERY_BYTES, DeliveryIntake, SignatureRefused
from shared import api_records
from shared.model import Repository


def add_routes(app: JsonBottle, deliveries: DeliveryIntake) -> None:
    """Add the route."""

    @app.post(
        "/api/v1/hooks/<host>/<owner>/<name>",
        public=True,
        operation=Operation(202, errors=(400, 401, 413, 422)),
    )
    def take_delivery(host: str, owner: str, name: str) -> api_records.Receipt:
        """Take a delivery of a webhook, signed with its pipeline's secret; builds are made of it afterwards."""
        body = read_bytes(MAX_DELIVERY_BYTES)
        event, signature = (bottle.request.get_header(h, "") for h in ("X-GitHub-Event", "X-Hub-Signature-256"))
        try:
            receipt = deliveries.take(Repository(host, owner, name), event, signature, body)
        except SignatureRefused as error:
            raise HttpError(401, "bad_signature", str(error)) from error
        bottle.response.status = 202
        return {"status": receipt.status, "reason": receipt.reason, "build": receipt.build}
