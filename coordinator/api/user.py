"""The route of the caller."""

from coordinator.api.callers import Callers
from coordinator.api.errors import JsonBottle
from shared import api_records


def add_routes(app: JsonBottle, callers: Callers) -> None:
    """Add the route."""

    @app.get("/api/v1/user")
    def read_user() -> api_records.User:
        """Read who the caller is, which also says whether their token holds."""
        return {"login": callers.asked_login}
