"""What the setup asks of whatever keeps Secrets. A module that takes this gives the fixtures `secrets` and `place`."""

import pytest

from coordinator.setup.keeping import kept_or_made
from coordinator.setup.secret_api import NotPermitted, Secrets

FIRST = {"user": "ann", "config.yml": "a: ü\nb: |\n  line\n"}
FORBIDDEN = "kube-system"
"""A namespace in which `secrets` has no rights."""


class SecretsContract:
    """Run on every keeper of Secrets; `place` is a namespace in which the Secret `made` may be made and read."""

    def test_what_is_not_there_is_none(self, secrets: Secrets, place: str) -> None:
        assert secrets.get(place, "made") is None

    def test_what_was_made_is_read_back(self, secrets: Secrets, place: str) -> None:
        assert secrets.create(place, "made", FIRST)
        assert secrets.get(place, "made") == FIRST

    def test_an_empty_one_is_there_too(self, secrets: Secrets, place: str) -> None:
        assert secrets.create(place, "made", {})
        assert secrets.get(place, "made") == {}

    def test_a_second_creation_changes_nothing(self, secrets: Secrets, place: str) -> None:
        secrets.create(place, "made", FIRST)
        assert not secrets.create(place, "made", {"user": "other"})
        assert secrets.get(place, "made") == FIRST
        assert kept_or_made(secrets, place, "made", lambda: pytest.fail("it is there")) == FIRST

    def test_where_we_have_no_rights_it_says_so(self, secrets: Secrets, place: str) -> None:
        with pytest.raises(NotPermitted):
            secrets.get(FORBIDDEN, "made")
        with pytest.raises(NotPermitted):
            secrets.create(FORBIDDEN, "made", FIRST)
