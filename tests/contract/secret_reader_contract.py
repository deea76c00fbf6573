"""What notifications ask of whatever keeps the users' Secrets. A module that takes this gives the fixtures `reader` and
`place`, a namespace of the test's own, and `give`, which makes or replaces a Secret there."""

from collections.abc import Callable, Mapping

import pytest

from shared.errors import NotFound
from shared.ports import SecretReader

Give = Callable[[str, Mapping[str, bytes]], None]
DATA = {"slackurl": b"https://hooks.example/x\n", "any.byte": bytes(range(256)), "empty": b""}


class SecretReaderContract:
    """Run on every reader of Secrets."""

    def test_what_was_given_is_read(self, reader: SecretReader, place: str, give: Give) -> None:
        give("notifcreds", DATA)
        assert dict(reader.read_secret(place, "notifcreds")) == DATA

    def test_what_replaced_it_is_read(self, reader: SecretReader, place: str, give: Give) -> None:
        give("notifcreds", DATA)
        give("notifcreds", {"other": b"x"})
        assert dict(reader.read_secret(place, "notifcreds")) == {"other": b"x"}

    def test_what_is_not_there_is_named(self, reader: SecretReader, place: str, give: Give) -> None:
        give("notifcreds", DATA)
        for namespace, name in ((place, "absent"), (f"{place}-other", "notifcreds")):
            with pytest.raises(NotFound, match=f"'{name}' in namespace '{namespace}'"):
                reader.read_secret(namespace, name)
