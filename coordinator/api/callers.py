"""What the caller of the request at hand may do: each route asks for its repository by what it does with it."""

from contextlib import suppress

from coordinator.api.auth import caller
from coordinator.permissions import Permissions
from shared.errors import InfrastructureError
from shared.model import Repository
from shared.ports import Access


class Callers:
    """Checks callers. Each call raises NotFound for what is hidden from them, Forbidden for what they may not do."""

    def __init__(self, permissions: Permissions) -> None:
        self._permissions = permissions

    def reading(self, host: str, owner: str, name: str) -> Repository:
        """The repository, whose caller may read it."""
        return self._require(host, owner, name, Access.READ)

    def writing(self, host: str, owner: str, name: str) -> Repository:
        """The repository, whose caller may write to it: start, cancel and resume its builds."""
        return self._require(host, owner, name, Access.WRITE)

    def administering(self, host: str, owner: str, name: str) -> Repository:
        """The repository, whose caller may administer it: begin and end to serve it."""
        return self._require(host, owner, name, Access.ADMIN)

    def visible(self, repositories: list[Repository]) -> frozenset[Repository]:
        """Those of the repositories that the caller may read."""
        return self._permissions.visible(repositories, caller().access_token)

    @property
    def login(self) -> str:
        """As `asked_login`, but "" while the source host does not answer; raises TokenRefused."""
        with suppress(InfrastructureError):
            return self.asked_login
        return ""

    @property
    def asked_login(self) -> str:
        """Who the caller is: as the source host says, or as the token does where the host knows no users.

        Raises TokenRefused, and InfrastructureError where the host does not answer.
        """
        return self._permissions.login(caller().access_token) or caller().login

    def _require(self, host: str, owner: str, name: str, access: Access) -> Repository:
        return self._permissions.require(Repository(host, owner, name), caller().access_token, access)
