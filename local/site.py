"""Python libraries for an image, collected on this machine: a build in the engine needs no package index and no pip."""

import argparse
import hashlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from local.home import open_home
from shared.errors import EXIT_SUCCESS, InfrastructureError, KontinuousError

PYTHON_VERSION = "3.13"
# Debian trixie has glibc 2.41; wheels for any older one run on it.
GLIBC_MINORS = range(17, 42)
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
SOURCE_ONLY = ("etcd3",)
PIP_S = 600


def collect_site(requirements: Path, architecture: str, cache: Path) -> Path:
    """Return a folder with the pinned `requirements` unpacked for the images' Python, collecting it where it is new.

    `architecture` is Docker's word for it: amd64 or arm64. Raises InfrastructureError when something cannot be had.
    """
    if architecture not in MACHINES:
        raise InfrastructureError(f"the engine is {architecture}; there are images for amd64 and arm64 only")
    text = requirements.read_text()
    digest = hashlib.sha256(f"{PYTHON_VERSION} {architecture}\n{text}".encode()).hexdigest()[:16]
    target = cache / "site" / digest
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    wheels = _build_wheels(text, cache / "wheels")
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        partial = Path(folder) / "site"
        _install(requirements, architecture, wheels, partial)
        _move_into_place(partial, target)
    return target


def _move_into_place(partial: Path, target: Path) -> None:
    try:
        partial.rename(target)
    except OSError:
        # Another process was first: its folder holds the same.
        if not target.exists():
            raise


def _build_wheels(requirements: str, folder: Path) -> Path:
    """Make wheels of what is published as source only."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in SOURCE_ONLY:
        pinned = re.search(rf"^{name}==(\S+)$", requirements, re.MULTILINE)
        if pinned and not list(folder.glob(f"{name}-{pinned[1]}-*.whl")):
            _pip("wheel", "--use-pep517", "--no-deps", "--wheel-dir", str(folder), pinned[0])
    return folder


def _install(requirements: Path, architecture: str, wheels: Path, target: Path) -> None:
    machine = MACHINES[architecture]
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in GLIBC_MINORS] + [f"manylinux2014_{machine}"]
    _pip(
        "install", "--target", str(target), "--requirement", str(requirements), "--find-links", str(wheels),
        "--no-deps", "--no-compile", "--only-binary", ":all:",
        "--implementation", "cp", "--python-version", PYTHON_VERSION,
        *(option for platform in platforms for option in ("--platform", platform)),
    )  # fmt: skip


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PIP_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise InfrastructureError(f"pip took over {PIP_S} s to collect what the images import") from error
    if done.returncode != 0:
        raise InfrastructureError(f"pip cannot collect what the images import:\n{done.stderr[-2000:]}")


def main(arguments: list[str] | None = None) -> int:
    """Collect a requirements file for this machine's architecture into a folder, replacing it."""
    parser = argparse.ArgumentParser(prog="python -m local.site", description=main.__doc__)
    parser.add_argument("requirements", type=Path)
    parser.add_argument("target", type=Path)
    options = parser.parse_args(arguments)
    architecture = next(
        (name for name, machine in MACHINES.items() if machine == platform.machine()), platform.machine()
    )
    try:
        site = collect_site(options.requirements, architecture, open_home().cache)
    except KontinuousError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    shutil.rmtree(options.target, ignore_errors=True)
    shutil.copytree(site, options.target)
    return EXIT_SUCCESS


if __name__ == "__main__":
    sys.exit(main())
