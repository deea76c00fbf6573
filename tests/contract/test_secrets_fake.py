"""The Secrets' contract, kept by the fake that the setup's tests use."""

import pytest

from tests.contract.secrets_contract import FORBIDDEN, SecretsContract
from tests.fakes.secret_store import FakeSecrets


class TestFakeSecrets(SecretsContract):
    """Without a cluster."""

    @pytest.fixture
    def secrets(self) -> FakeSecrets:
        return FakeSecrets({}, FORBIDDEN)

    @pytest.fixture
    def place(self) -> str:
        return "kontinuous"
