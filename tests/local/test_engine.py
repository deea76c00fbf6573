"""Finding an engine, starting our own, and saying exactly what is missing."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.bridge import address_of, free_address, make_bridge, remove_bridge
from local.engine import Engine, find_engine
from local.own_engine import Daemon, is_alive
from shared.errors import InfrastructureError

ROOT = Path(__file__).resolve().parents[2]
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root may start an engine")
OWN = {"KONTINUOUS_ENGINE": "own"}


def test_the_engine_at_docker_host_is_used_and_is_not_ours(engine: Engine, tmp_path: Path) -> None:
    found = find_engine(tmp_path, print, {"DOCKER_HOST": engine.url})
    assert found == Engine(engine.url, ours=False)


def test_a_found_engine_can_be_declared_ours(engine: Engine, tmp_path: Path) -> None:
    assert find_engine(tmp_path, print, {"DOCKER_HOST": engine.url}, ours=True).ours


def test_stopping_an_engine_that_was_found_leaves_it_running(engine: Engine, tmp_path: Path) -> None:
    find_engine(tmp_path, print, {"DOCKER_HOST": engine.url}).stop()
    with engine.client() as client:
        assert client.ping()


@pytest.mark.parametrize("url", ["tcp://192.0.2.1:2376", "ssh://builder"])
def test_an_engine_on_another_machine_is_refused_at_once(url: str, tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match="another machine"):
        find_engine(tmp_path, print, {"DOCKER_HOST": url})


def test_a_docker_host_where_nothing_answers_is_named(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match=f"no engine answers at DOCKER_HOST=unix://{tmp_path}/none"):
        find_engine(tmp_path, print, {"DOCKER_HOST": f"unix://{tmp_path}/none"})


@root_only
def test_without_an_engine_and_without_root_it_says_what_to_install(tmp_path: Path) -> None:
    program = (
        "import os\nfrom pathlib import Path\nfrom local.engine import find_engine\n"
        "from shared.errors import KontinuousError\n"
        f"os.seteuid(65534)\ntry:\n    find_engine(Path({str(tmp_path)!r}), print, {OWN!r})\n"
        "except KontinuousError as error:\n    print(error)\n    raise SystemExit(error.exit_code)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert done.returncode == 3
    assert "sudo apt-get install docker.io" in done.stdout


@pytest.fixture
def engine_home() -> Iterator[Path]:
    # Not pytest's folder: it is kept after the test, and an engine's data folder is not small.
    folder = Path(tempfile.mkdtemp(prefix="kontinuous-engine-"))
    yield folder
    Daemon(folder).stop()
    shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(Daemon(folder).runtime, ignore_errors=True)


@root_only
def test_our_own_engine_starts_is_recognised_and_ends(engine_home: Path) -> None:
    started = find_engine(engine_home, print, OWN)
    again = find_engine(engine_home, print, OWN)
    assert started.ours
    assert (again.url, again.ours, again.to_stop) == (started.url, True, None)
    started.stop()
    assert not started.socket.exists()
    assert not Path(f"/sys/class/net/{Daemon(engine_home).bridge}").exists()


@root_only
def test_an_engine_left_behind_by_a_dead_process_is_taken_over(engine_home: Path) -> None:
    program = (
        "from pathlib import Path\nfrom local.engine import find_engine\n"
        f"find_engine(Path({str(engine_home)!r}), print, {OWN!r})"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=90, stdout=subprocess.DEVNULL)
    found = find_engine(engine_home, print, OWN)
    assert found.to_stop is not None
    found.stop()
    assert not found.socket.exists()


@root_only
def test_an_engine_that_does_not_start_shows_its_log(engine_home: Path) -> None:
    (engine_home / "engine").mkdir()
    (engine_home / "engine" / "data").write_text("a file where the data folder should be")
    began = time.monotonic()
    with pytest.raises(InfrastructureError, match=r"dockerd\.log:\n(.*\n)*.*points to a file"):
        find_engine(engine_home, print, OWN)
    assert time.monotonic() - began < 30


@root_only
def test_a_stale_pid_file_ends_no_other_process(engine_home: Path) -> None:
    daemon = Daemon(engine_home)
    daemon.runtime.mkdir(parents=True)
    with subprocess.Popen(["sleep", "60"]) as bystander:
        (daemon.runtime / "pid").write_text(str(bystander.pid))
        daemon.stop()
        assert is_alive(bystander.pid)
        bystander.kill()


def test_the_bridge_gets_a_network_that_no_route_has() -> None:
    header = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
    row = "eth0 00001EAC 00000000 0001 0 0 0 00FFFFFF 0 0 0\n"  # 172.30.0.0/24
    default = "eth0 00000000 010011AC 0003 0 0 0 00000000 0 0 0\n"
    assert free_address(header + default, 0) == "172.30.0.1/24"
    assert free_address(header + default, 257) == "172.31.1.1/24"
    assert free_address(header + default + row, 0) == "172.30.1.1/24"
    assert free_address(header + default + row.replace("00001EAC", "00FF1FAC"), 511) == "172.30.0.1/24"


@root_only
def test_a_bridge_that_a_killed_engine_left_takes_no_network_of_anothers() -> None:
    left, other = "kont-test-left", "kont-test-new"
    try:
        make_bridge(left)
        subprocess.run(["ip", "link", "set", left, "down"], check=True)
        make_bridge(other)
        make_bridge(left)
        assert address_of(left) != address_of(other)
    finally:
        remove_bridge(left)
        remove_bridge(other)


@root_only
def test_an_engine_whose_network_another_has_taken_meanwhile_gets_a_new_one(engine_home: Path) -> None:
    daemon, other = Daemon(engine_home), "kont-test-other"
    find_engine(engine_home, print, OWN).stop()
    taken = make_bridge(daemon.bridge)
    remove_bridge(daemon.bridge)
    try:
        for words in (
            ["link", "add", other, "type", "bridge"],
            ["link", "set", other, "up"],
            ["address", "add", taken, "dev", other],
        ):
            subprocess.run(["ip", *words], check=True)
        engine = find_engine(engine_home, print, OWN)
        assert address_of(daemon.bridge) != taken
        with engine.client() as client:
            (config,) = client.networks.get("bridge").attrs["IPAM"]["Config"]
        assert config["Gateway"] == address_of(daemon.bridge).partition("/")[0]
        engine.stop()
    finally:
        remove_bridge(other)


@root_only
def test_networks_of_containers_that_are_gone_do_not_come_back_with_the_engine(engine_home: Path) -> None:
    engine = find_engine(engine_home, print, OWN)
    with engine.client() as client:
        left = client.networks.create("left-behind").id
    engine.stop()
    engine = find_engine(engine_home, print, OWN)
    with engine.client() as client:
        assert [network.name for network in client.networks.list(names=["left-behind"])] == []
    assert not Path(f"/sys/class/net/br-{left[:12]}").exists()
    engine.stop()


@root_only
def test_an_engine_that_ended_leaves_no_rule_of_its_bridge_in_the_packet_filter(engine_home: Path) -> None:
    engine = find_engine(engine_home, print, OWN)
    bridge = Daemon(engine_home).bridge
    assert bridge in rules()
    engine.stop()
    assert bridge not in rules()


def rules() -> str:
    listed = [["iptables", "-w", "-t", table, "-S"] for table in ("filter", "nat")]
    return "".join(subprocess.run(words, capture_output=True, text=True, check=True).stdout for words in listed)


@root_only
def test_of_those_who_find_an_engine_that_was_left_one_is_to_stop_it(engine_home: Path) -> None:
    daemon = Daemon(engine_home)
    daemon.runtime.mkdir(parents=True)
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    (daemon.runtime / "owner").write_text(str(gone.pid))
    assert daemon.take_over()
    assert not daemon.take_over()
