"""What the test cluster needs of this machine, beside Go."""

import shutil
from pathlib import Path

from local.apt import apt_install
from local.progress import Say

# A command or a file that shows that it is installed, and the Debian package it is in.
PACKAGES = {
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "openssl": "openssl",
    "umount": "mount",
}


def install_packages(say: Say) -> None:
    """Install what is missing; raises InfrastructureError that names it when that is not possible here."""
    missing = sorted({package for sign, package in PACKAGES.items() if not (shutil.which(sign) or Path(sign).exists())})
    if missing:
        say(f"cluster: installing {', '.join(missing)}")
        apt_install(*missing)
