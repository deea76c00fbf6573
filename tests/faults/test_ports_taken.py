"""Ports that somebody else has."""

import re
from pathlib import Path

from local.engine import Engine
from tests.e2e.journey import Kontinuous, command, left_behind, repository, serving
from tests.faults.breakage import taken


def test_a_taken_port_3005_is_passed_over_by_serve(alone: Kontinuous) -> None:
    with taken(3005), serving(alone) as running:
        assert re.search(r"ready at http://127\.0\.0\.1:30(0[6-9]|[1-9]\d)", running.screen())
        running.process.terminate()
        assert running.end(60).exit_code == 0


def test_a_port_that_was_asked_for_and_is_taken_is_an_error_that_names_it(alone: Kontinuous, engine: Engine) -> None:
    with taken(3005):
        done = alone("serve", "--port", 3005)
    assert done.exit_code == 3, done.screen
    assert re.search(r"^kontinuous: .*\b3005\b.*", done.screen, re.MULTILINE)
    assert left_behind(engine, alone.instance) == []


def test_taken_ports_of_etcd_s3_and_the_registry_are_passed_over(alone: Kontinuous, tmp_path: Path) -> None:
    with taken(2379, 5000, 9000):
        done = alone("run", repository(tmp_path / "ports", command("Nothing", "true")))
    assert done.exit_code == 0, done.screen
    ports = re.search(r"^services: etcd 127.0.0.1:(\d+), S3 http://127.0.0.1:(\d+), registry localhost:(\d+)$",
                      done.screen, re.MULTILINE)  # fmt: skip
    assert ports, done.screen
    assert not {"2379", "5000", "9000"} & set(ports.groups())
