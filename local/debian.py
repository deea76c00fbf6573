"""A minimal Debian trixie made from packages, as near as can be to the public slim image."""

import shlex
import shutil
import subprocess
from pathlib import Path

from local.apt import apt_install
from shared.errors import InfrastructureError

BOOTSTRAP_S = 600
SOURCES = (
    "deb http://deb.debian.org/debian trixie main",
    "deb http://deb.debian.org/debian trixie-updates main",
    "deb http://deb.debian.org/debian-security trixie-security main",
)
# What the public slim image leaves out too: documentation (but for copyrights), translations and apt's caches.
SLIM = (
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
)
APT_CONF = """\
Acquire::Languages "none";
APT::Keep-Downloaded-Packages "false";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
"""


def bootstrap(folder: Path) -> Path:
    """Make a minimal Debian trixie as a tar file in `folder`; raises InfrastructureError with the reason."""
    if not shutil.which("mmdebstrap"):
        apt_install("mmdebstrap", "debian-archive-keyring")
    target = folder / "debian.tar"
    conf = folder / "apt.conf"
    conf.write_text(APT_CONF)
    hooks = (
        '--customize-hook=rm -f "$1/etc/resolv.conf" "$1/etc/hostname" "$1"/var/cache/apt/*.bin',
        f"--customize-hook=copy-in {shlex.quote(str(conf))} /etc/apt/apt.conf.d/",
        '--customize-hook=mv "$1/etc/apt/apt.conf.d/apt.conf" "$1/etc/apt/apt.conf.d/90slim"',
    )
    command = ["mmdebstrap", "--variant=minbase", *SLIM, *hooks, "trixie", str(target), *SOURCES]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=BOOTSTRAP_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise InfrastructureError(f"mmdebstrap took over {BOOTSTRAP_S} s: is deb.debian.org reachable?") from error
    if done.returncode != 0:
        raise InfrastructureError(f"mmdebstrap cannot make a Debian base image:\n{done.stderr[-2000:]}")
    return target
