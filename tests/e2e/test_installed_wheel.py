"""The wheel alone has all that it needs: installed elsewhere, it lints and runs from any folder."""

import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from local.home import Home
from tests.e2e.journey import ROOT, Kontinuous, command, repository

SOURCES = ("shared", "coordinator", "stage_images", "local", "cli", "examples")
FILES = ("pyproject.toml", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel; the libraries are those of the environment that the tests run in."""
    folder = tmp_path_factory.mktemp("installed")
    for name in SOURCES:
        shutil.copytree(ROOT / name, folder / "source" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy2(ROOT / name, folder / "source" / name)
    call(folder / "source", sys.executable, "-m", "build", "--wheel", "--outdir", str(folder))
    [wheel] = folder.glob("*.whl")
    venv.create(folder / "venv", symlinks=True)
    target = folder / "venv/lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    call(folder, sys.executable, "-m", "pip", "--python", str(folder / "venv"), "install",
         "--quiet", "--no-deps", "--no-index", str(wheel))  # fmt: skip
    (target / "libraries.pth").write_text("\n".join(path for path in sys.path if path.endswith("-packages")) + "\n")
    return folder / "venv/bin/kontinuous"


def call(folder: Path, *words: str) -> None:
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def elsewhere(installed: Path, home: Home, images: Mapping[str, str], tmp_path: Path) -> Iterator[Kontinuous]:
    """The installed command."""
    kontinuous = Kontinuous(tmp_path / "home", home.engine_root, tmp_path, (str(installed),), {"PYTHONPATH": ""})
    yield kontinuous
    kontinuous.close()


def test_the_installed_command_helps_lints_and_runs(elsewhere: Kontinuous, tmp_path: Path) -> None:
    helped = elsewhere("--help")
    assert (helped.exit_code, b"run a folder's pipeline" in helped.stdout) == (0, True)
    folder = repository(tmp_path / "project", command("Speak", "echo", "installed"))
    assert elsewhere("lint", cwd=folder).exit_code == 0
    done = elsewhere("run", "-o", "json", cwd=folder)
    assert done.exit_code == 0, done.screen
    assert b"image: building" not in done.stderr, "the wheel's images differ from the source tree's"
    assert b"installed\n" in elsewhere.log(done.build, "Speak")


def test_the_wheel_holds_the_examples_with_their_hidden_files(installed: Path) -> None:
    [examples] = installed.parents[1].glob("lib/python*/site-packages/examples")
    hidden = {path.relative_to(ROOT / "examples") for path in (ROOT / "examples").rglob(".*") if path.is_file()}
    assert hidden
    assert not [path for path in hidden if not (examples / path).is_file()]


def test_the_wheel_holds_the_manifests_that_deploy_applies(installed: Path) -> None:
    [manifests] = installed.parents[1].glob("lib/python*/site-packages/cli/k8s-spec.yml.example")
    assert not manifests.is_symlink()
    assert manifests.read_bytes() == (ROOT / "k8s-spec.yml.example").read_bytes()
