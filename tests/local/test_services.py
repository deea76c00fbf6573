"""The services: authenticated, reused while they run, stopped by whom they were started."""

import base64
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from local.containers import Runner, Spec
from local.engine import Engine
from local.free_ports import FIRST_EPHEMERAL, free_ports
from local.home import ENGINE_HOME_VARIABLE, Home, open_home
from local.services import Services, start_external_registry, start_services
from shared.errors import InfrastructureError
from shared.state_folder import HOME_VARIABLE


@pytest.fixture
def new_home(home: Home, tmp_path: Path) -> Home:
    return open_home({HOME_VARIABLE: str(tmp_path), ENGINE_HOME_VARIABLE: str(home.engine_root)})


def etcd(services: Services, method: str, body: dict[str, Any], token: str = "") -> requests.Response:
    headers = {"Authorization": token} if token else {}
    return requests.post(f"http://{services.kv_address}/v3/{method}", json=body, headers=headers, timeout=5)


def token(services: Services, user: str, password: str) -> str:
    return str(etcd(services, "auth/authenticate", {"name": user, "password": password}).json()["token"])


def put(services: Services, key: str, token: str) -> int:
    return etcd(
        services, "kv/put", {"key": base64.b64encode(key.encode()).decode(), "value": "eA=="}, token
    ).status_code


@pytest.mark.parametrize(
    ("user", "key", "allowed"),
    [
        ("stage", "/kontinuous/reports/a", True),
        ("stage", "/kontinuous/state/a", False),
        ("stage", "/kontinuous/reports0", False),
        ("coordinator", "/kontinuous/state/a", True),
        ("coordinator", "/kontinuous/reports/a", True),
        ("coordinator", "/elsewhere", False),
    ],
)
def test_each_etcd_user_writes_only_below_its_prefix(services: Services, user: str, key: str, allowed: bool) -> None:
    passwords = {
        "stage": services.credentials.etcd_stage_password,
        "coordinator": services.credentials.etcd_coordinator_password,
    }
    assert (put(services, key, token(services, user, passwords[user])) == 200) is allowed


def test_etcd_takes_nothing_without_a_password(services: Services) -> None:
    assert put(services, "/kontinuous/reports/a", "") != 200


def test_the_registry_wants_its_password(services: Services) -> None:
    url = f"http://{services.registry}/v2/"
    login = (services.credentials.registry_user, services.credentials.registry_password)
    assert requests.get(url, timeout=5).status_code == 401
    assert requests.get(url, auth=(login[0], "wrong"), timeout=5).status_code == 401
    assert requests.get(url, auth=login, timeout=5).status_code == 200


def test_s3_refuses_what_is_not_signed(services: Services) -> None:
    assert requests.get(f"{services.s3_url}/kontinuous", timeout=5).status_code >= 400


def test_services_listen_on_loopback_below_the_ephemeral_ports(engine: Engine, services: Services) -> None:
    with engine.client() as client:
        for running in services.containers.values():
            for bindings in client.containers.get(running.name).ports.values():
                for binding in bindings or []:
                    assert binding["HostIp"] == "127.0.0.1"
                    assert int(binding["HostPort"]) < FIRST_EPHEMERAL


def test_git_is_not_published(services: Services) -> None:
    assert services.containers["git"].port == 0


def test_a_second_call_reuses_what_runs_and_stops_none_of_it(engine: Engine, home: Home, services: Services) -> None:
    began = time.monotonic()
    again = start_services(engine, home, print)
    assert time.monotonic() - began < 4
    assert again.kv_address == services.kv_address
    again.stop()
    assert etcd(services, "auth/authenticate", {"name": "x", "password": "y"}).status_code == 400


def test_what_was_stored_is_there_after_a_restart(engine: Engine, new_home: Home) -> None:
    first = start_services(engine, new_home, print)
    password = new_home.credentials.etcd_coordinator_password
    assert put(first, "/kontinuous/state/kept", token(first, "coordinator", password)) == 200
    first.stop()
    began = time.monotonic()
    second = start_services(engine, new_home, print)
    assert time.monotonic() - began < 15
    try:
        key = base64.b64encode(b"/kontinuous/state/kept").decode()
        found = etcd(second, "kv/range", {"key": key}, token(second, "coordinator", password)).json()
        assert found["count"] == "1"
    finally:
        second.stop()


def test_nothing_is_left_in_the_engine_after_a_stop(engine: Engine, new_home: Home) -> None:
    start_services(engine, new_home, print).stop()
    label = f"kontinuous.io/instance={new_home.instance}"
    with engine.client() as client:
        assert not client.containers.list(all=True, filters={"label": label})
        assert not client.networks.list(filters={"label": label})


@pytest.fixture
def taken_port(new_home: Home) -> Iterator[int]:
    (new_home.root / "config").mkdir()
    port = next(free_ports(23000))
    with socket.create_server(("127.0.0.1", port)):
        (new_home.root / "config" / "external-registry.port").write_text(str(port))
        yield port


def test_a_port_that_is_taken_is_passed_over_and_the_new_one_kept(
    engine: Engine, new_home: Home, taken_port: int
) -> None:
    registry = start_external_registry(engine, new_home, print)
    try:
        port = int(registry.address.rpartition(":")[2])
        assert port > taken_port
        assert (new_home.root / "config" / "external-registry.port").read_text() == str(port)
        answer = requests.get(f"http://{registry.address}/v2/", auth=(registry.user, registry.password), timeout=5)
        assert answer.status_code == 200
    finally:
        registry.stop()


def test_a_container_that_ends_at_its_start_shows_its_last_lines(
    engine: Engine, services: Services, tmp_path: Path
) -> None:
    with engine.client() as client:
        image = str(client.containers.get(services.containers["etcd"].name).attrs["Config"]["Image"])
    runner = Runner(engine, "failtest", services.network, tmp_path)
    running = runner.run(Spec("etcd", "failing", image, 2379, command=("--data-dir=/proc/none",)))
    try:
        with pytest.raises(InfrastructureError, match=r"ended while it started; its last lines:\n(.*\n)*.*/proc/none"):
            running.wait_until(lambda: False)
    finally:
        running.stop()
