"""The cluster's two programs, built from Go source when there is no build of just this source yet."""

import hashlib
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

from local.progress import Say
from shared.errors import InfrastructureError

MODULE = Path(__file__).parent / "kubernetes"
BUILD_S = 1800
GO_VERSION = (1, 25)
GO_NEEDED = (
    "Go 1.25 or newer is needed to build the test cluster's Kubernetes ({found}): see https://go.dev/doc/install. "
    "Or set KONTINUOUS_E2E_KUBECONFIG to the kubeconfig of a cluster that you have"
)


def build_programs(cache: Path, say: Say) -> Path:
    """The folder with `kubernetes` and `pause`; raises InfrastructureError when they cannot be built.

    `cache`: a folder that outlives the cluster. Builds of older source are removed from it.
    """
    target = cache / "cluster" / _hash_of_source()
    if target.exists():
        return target
    go = _find_go()
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.rmtree(target.parent, ignore_errors=True)
    partial.mkdir(parents=True)
    say("cluster: building Kubernetes from source (once; some minutes)")
    started = time.monotonic()
    _build(go, partial)
    partial.rename(target)
    say(f"cluster: Kubernetes is built ({time.monotonic() - started:.0f} s)")
    return target


def _hash_of_source() -> str:
    digest = hashlib.sha256()
    for file in sorted(path for path in MODULE.rglob("*") if path.is_file()):
        digest.update(f"{file.relative_to(MODULE)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def kubernetes_version(go_mod: str) -> tuple[str, str, str]:
    """The whole version, the major and the minor number that a go.mod asks for, as in ("v1.35.4", "1", "35")."""
    found = re.search(r"k8s\.io/kubernetes (v(\d+)\.(\d+)\.\d+)", go_mod)
    assert found, "go.mod names no version of k8s.io/kubernetes"
    return found[1], found[2], found[3]


def _build(go: str, target: Path) -> None:
    version, major, minor = kubernetes_version((MODULE / "go.mod").read_text())
    stamped = {"gitVersion": version, "gitMajor": major, "gitMinor": minor}
    flags = " ".join(f"-X k8s.io/component-base/version.{name}={value}" for name, value in stamped.items())
    command = [go, "build", "-trimpath", "-buildvcs=false", "-gcflags=all=-dwarf=false", "-ldflags", f"-s -w {flags}"]
    done = _go([*command, "-o", f"{target}/", ".", "./pause"], BUILD_S)
    if done.returncode != 0:
        raise InfrastructureError(f"the test cluster's Kubernetes cannot be built:\n{done.stderr[-3000:]}")


def _find_go() -> str:
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if not go:
        raise InfrastructureError(GO_NEEDED.format(found="there is none on the PATH"))
    # A Go of 1.21 or newer fetches the one that go.mod asks for by itself; this says which that is.
    found = _go([go, "env", "GOVERSION"], 120).stdout.strip()
    numbers = tuple(int(number) for number in re.findall(r"\d+", found)[:2])
    if numbers < GO_VERSION:
        raise InfrastructureError(GO_NEEDED.format(found=f"{go} is {found or 'broken'}"))
    return go


def _go(command: list[str], limit_s: int) -> "subprocess.CompletedProcess[str]":
    # The machine's own compiler settings must not change what is built. With GOGC=400, and without the debugging
    # tables that the linker would drop anyway, the build takes a fifth less time, for some more memory.
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off", "GOGC": "400"}
    try:
        return subprocess.run(
            command, cwd=MODULE, env=environment, capture_output=True, text=True, timeout=limit_s, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise InfrastructureError(f"`{' '.join(command[:3])}` did not end within {limit_s} s") from error
