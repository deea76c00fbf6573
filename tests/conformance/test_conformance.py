"""`kontinuous conformance`: images that keep the stage contract pass, and each that breaks it fails by name."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.conformance.prove import Proof, proving, table
from local.engine import Engine
from local.git_command import make_repository
from local.home import Home, path_hash
from tests.conformance.broken import BREAKS
from tests.conformance.conftest import LIMIT_S, Make
from tests.e2e.journey import PYTHON, Done, containers_of, kontinuous_of, left_behind
from tests.own_stages import FOLDER, build_images
from tests.waiting import wait_for

PROGRAM = 'CMD ["sh", "-c", "echo working; echo $CONFORMANCE_SECRET"]'
BROKEN = Path(__file__).parent / "broken.py"
CHECKS = ["context", "claim", "report", "log", "exit code", "stop", "masking"]
Prove = Callable[..., Done]

# Not the time of the fixtures: the first to want the examples' images builds them, packages and a compiler included.
pytestmark = pytest.mark.timeout(func_only=True)


def failed(done: Done) -> list[str]:
    """The checks that the table has as failed; all seven must be in it."""
    rows = done.stdout.decode().splitlines()
    assert [row[:9].strip() for row in rows] == CHECKS, done.screen
    return [row[:9].strip() for row in rows if row[9:].strip().startswith("FAIL")]


def test_an_image_with_a_program_and_nothing_else_keeps_the_contract(conformance: Prove, make_image: Make) -> None:
    done = conformance(make_image("program", PROGRAM))
    assert (done.exit_code, failed(done)) == (0, []), done.screen
    assert "a secret was printed, and masked" in done.screen


def test_the_built_in_command_keeps_the_contract(conformance: Prove, images: dict[str, str]) -> None:
    words = ("--param", f"image={PYTHON}", "--param", 'command=["sh", "-c", "echo $CONFORMANCE_SECRET"]')
    done = conformance(images["command"], "--type", "command", *words)
    assert (done.exit_code, failed(done)) == (0, []), done.screen
    assert "a secret was printed, and masked" in done.screen


@pytest.fixture
def examples(engine: Engine, program_image: str) -> dict[str, str]:
    """The images of examples/stages, by their type."""
    return build_images(engine, program_image)


def test_the_examples_keep_the_contract(conformance: Prove, examples: dict[str, str], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(FOLDER, tmp_path / "example"))
    make_repository(folder, "As it is")
    scan, todos = conformance(examples["scan"], "--folder", folder), conformance(examples["todos"])
    assert (scan.exit_code, failed(scan)) == (0, []), scan.screen
    assert "report     ok    SUCCESS" in scan.screen
    assert (todos.exit_code, failed(todos)) == (0, []), todos.screen
    assert "a secret was printed, and masked" in todos.screen


@pytest.fixture(scope="module")
def proof(home: Home, images: dict[str, str]) -> Iterator[Proof]:
    """What the command proves with, for several images."""
    with proving(None, home, print) as proof:
        yield proof


@pytest.mark.parametrize("name", BREAKS)
def test_an_image_that_breaks_the_contract_fails_just_that_check(proof: Proof, make_image: Make, name: str) -> None:
    findings = proof.of(broken_image(make_image, name), "conformance", {})
    assert [finding.check for finding in findings if finding.problem] == [name.partition("__")[0].replace("_", " ")], (
        table(findings)
    )


def test_the_command_says_which_check_has_failed(conformance: Prove, make_image: Make) -> None:
    image = broken_image(make_image, "exit_code")
    done = conformance(image)
    assert (done.exit_code, failed(done)) == (1, ["exit code"]), done.screen
    assert f"kontinuous: {image} does not keep the stage contract: exit code" in done.screen


def broken_image(make_image: Make, name: str) -> str:
    lines = ("COPY broken.py /opt/kontinuous/", f'ENTRYPOINT ["python3", "-m", "broken", "{name}"]', PROGRAM)
    return make_image(f"broken-{name}", *lines, **{"broken.py": BROKEN.read_bytes()})


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_proof_that_is_interrupted_leaves_nothing_behind(
    home: Home, engine: Engine, images: dict[str, str], make_image: Make, tmp_path: Path, number: signal.Signals
) -> None:
    kontinuous = kontinuous_of(tmp_path, home)
    kontinuous.variables = {**kontinuous.variables, "TMPDIR": str(tmp_path)}
    running = kontinuous.start("conformance", make_image("interrupted", 'CMD ["sleep", "600"]'))
    running.wait_for_text("trial 1 of 5", LIMIT_S)
    [own] = tmp_path.glob("conformance-*/home")
    wait_for(lambda: containers_of(engine, path_hash(own), "conformance", "stage"))
    os.killpg(running.process.pid, number)
    done = running.end(60)
    assert done.exit_code == 130, done.screen
    assert done.screen.endswith("\nkontinuous: interrupted\n")
    assert "Traceback" not in done.screen
    assert left_behind(engine, path_hash(own)) == []


def test_a_param_that_is_none_is_named(conformance: Prove) -> None:
    done = conformance("any", "--param", "nonsense")
    assert (done.exit_code, done.stdout) == (2, b"")
    assert "'nonsense' is no param; write NAME=VALUE" in done.screen


def test_an_image_that_cannot_be_had_is_said_at_once(conformance: Prove) -> None:
    done = conformance("localhost:9/no-such:1")
    assert (done.exit_code, done.stdout) == (2, b"")
    assert "kontinuous: the image cannot be run: " in done.screen
