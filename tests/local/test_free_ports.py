"""Ports: the preferred one, or the next that is free, and the same one the next time."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.free_ports import FIRST_EPHEMERAL, free_ports, is_free, remember, remembered
from shared.errors import InfrastructureError

FIRST = 21000


@pytest.fixture
def taken_port() -> Iterator[int]:
    port = next(free_ports(FIRST))
    with socket.create_server(("127.0.0.1", port)):
        yield port


def test_a_port_with_a_server_is_not_free(taken_port: int) -> None:
    assert not is_free(taken_port)


def test_a_taken_port_is_passed_over(taken_port: int) -> None:
    assert next(free_ports(taken_port)) > taken_port


def test_no_port_is_offered_that_clients_may_get() -> None:
    ports: list[int] = []
    with pytest.raises(InfrastructureError, match="no port is free"):
        ports.extend(free_ports(FIRST_EPHEMERAL - 5))
    assert all(port < FIRST_EPHEMERAL for port in ports)


def test_a_port_is_remembered(tmp_path: Path) -> None:
    remember(tmp_path / "port", 2400)
    assert remembered(tmp_path / "port", 2379) == 2400


@pytest.mark.parametrize("content", [None, "", "none"])
def test_without_a_memory_the_preferred_port_is_taken(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "port").write_text(content)
    assert remembered(tmp_path / "port", 2379) == 2379
