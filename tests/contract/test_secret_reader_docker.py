"""The contract of readers of Secrets, kept by the Docker launcher, which keeps Secrets itself."""

import secrets
from collections.abc import Iterator
from contextlib import closing

import pytest

from local.docker_launcher import DockerLauncher
from tests.contract.secret_reader_contract import Give, SecretReaderContract
from tests.local.docker_engine import NETWORK


class TestDockerLauncherAsReader(SecretReaderContract):
    """On a real engine, though none of it goes there."""

    @pytest.fixture
    def reader(self, engine_url: str) -> Iterator[DockerLauncher]:
        with closing(DockerLauncher(engine_url, NETWORK, f"test-{secrets.token_hex(3)}")) as launcher:
            yield launcher

    @pytest.fixture
    def place(self) -> str:
        return "acaleph"

    @pytest.fixture
    def give(self, reader: DockerLauncher, place: str) -> Give:
        return lambda name, data: reader.put_secret(place, name, data)
