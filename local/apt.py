"""Installing Debian packages on this machine, where we are root on Debian or Ubuntu."""

import os
import shutil
import subprocess

from shared.errors import InfrastructureError

APT_S = 600
OPTIONS = ("-qq", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120")


def apt_install(*packages: str) -> None:
    """Install packages; raises InfrastructureError that names them when that is not possible here."""
    wanted = " ".join(packages)
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise InfrastructureError(f"{wanted} is needed: install it (Debian, Ubuntu: `sudo apt-get install {wanted}`)")
    _apt_get("update", "-qq")
    _apt_get("install", *OPTIONS, *packages)


def _apt_get(*arguments: str) -> None:
    command = ["apt-get", *arguments]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=APT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise InfrastructureError(f"`apt-get {' '.join(arguments)}` did not end within {APT_S} s") from error
    if done.returncode != 0:
        raise InfrastructureError(f"`apt-get {' '.join(arguments)}` failed:\n{(done.stderr or done.stdout)[-2000:]}")
