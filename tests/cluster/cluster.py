"""The cluster that the tests run on, as they see it: ours, or one that the user has."""

import base64
import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from local.engine import Engine
from shared.errors import InfrastructureError
from tests.cluster.components import api_ready, start_part, wait_until
from tests.cluster.images import load_image
from tests.cluster.node import kill_node, remove_node, start_containerd, start_kubelet, wait_until_ready
from tests.cluster.places import AUDIT_LOG, FIRST, HOST, KUBECONFIG, PROGRAMS, SECOND, Node
from tests.cluster.process import Process
from tests.free_port import free_port

KUBECONFIG_VARIABLE = "KONTINUOUS_E2E_KUBECONFIG"
LOAD_VARIABLE = "KONTINUOUS_E2E_LOAD"
HOST_VARIABLE = "KONTINUOUS_E2E_HOST_ADDRESS"
KUBECTL_S = 120


class KubectlError(Exception):
    """kubectl exited with another code than 0; the message is what it wrote to its standard error."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that is up. `ours`: the project's own on this machine, whose parts may be stopped and whose files read.

    What works with ours alone skips the running test on another.
    """

    kubeconfig: Path
    kubectl_program: str
    ours: bool
    given_host: str = ""
    loading: tuple[str, ...] = ()

    def kubectl(self, *arguments: str, input: str | None = None, limit_s: float = KUBECTL_S) -> str:
        """Run kubectl with `input` on its standard input and return its output; raises KubectlError."""
        done = subprocess.run(
            [self.kubectl_program, f"--kubeconfig={self.kubeconfig}", *arguments],
            input=input,
            capture_output=True,
            text=True,
            timeout=limit_s,
            check=False,
        )
        if done.returncode != 0:
            raise KubectlError(done.stderr.strip() or f"kubectl exited with {done.returncode}")
        return done.stdout

    def give_secret(self, namespace: str, name: str, data: Mapping[str, bytes]) -> None:
        """Make a Secret, or replace it."""
        values = {key: base64.b64encode(value).decode() for key, value in data.items()}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": values}
        self.kubectl("apply", "-n", namespace, "-f", "-", input=json.dumps(secret))

    @contextmanager
    def forwarded(self, namespace: str, target: str, port: int) -> Iterator[int]:
        """A port of 127.0.0.1 that leads to a port of a Service or pod within the context."""
        local = free_port()
        words = ["port-forward", "-n", namespace, target, f"{local}:{port}", "--address", "127.0.0.1"]
        command = [self.kubectl_program, f"--kubeconfig={self.kubeconfig}", *words]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            try:
                assert process.stdout
                if not (said := process.stdout.readline()).startswith("Forwarding"):
                    raise KubectlError(said.strip() or "kubectl forwards nothing")
                yield local
            finally:
                process.terminate()

    def load(self, reference: str, engine: Engine, node: Node = FIRST) -> None:
        """Have an image of a Docker engine on the node under the same name, for pods that pull only what is not there.

        On a user's cluster the command of KONTINUOUS_E2E_LOAD does it, with the reference as its last argument; without
        one, the image is taken to be there. Raises InfrastructureError.
        """
        if self.ours:
            load_image(node, reference, engine)
        elif self.loading:
            environment = {**os.environ, "DOCKER_HOST": engine.url}
            subprocess.run([*self.loading, reference], env=environment, check=True)

    @property
    def host_address(self) -> str:
        """The address at which pods reach servers of the tests; those must listen on it."""
        if not (self.ours or self.given_host):
            pytest.skip(f"{HOST_VARIABLE} must say at which address of this machine the cluster's pods reach it")
        return self.given_host or HOST

    @property
    def audit_log(self) -> Path:
        """Who asked the API server for what: a JSON event a line, of the requests made with ServiceAccounts."""
        self._need_ours()
        return AUDIT_LOG

    def part(self, name: str) -> Process:
        """A part of the control plane or of a node, to kill, freeze or thaw; `start` starts it again."""
        self._need_ours()
        return Process(name)

    def start(self, name: str) -> None:
        """Start a part that was killed, and wait until the API server answers."""
        self._need_ours()
        wait_until(api_ready, start_part(name))

    @contextmanager
    def second_node(self) -> Iterator[Node]:
        """Have one more node for a `with` block. It has no images yet; `lose` makes it die in the block."""
        self._need_ours()
        remove_node(SECOND)
        try:
            start_containerd(SECOND)
            start_kubelet(SECOND)
            wait_until_ready(SECOND)
            yield SECOND
        finally:
            self.kubectl("delete", "node", SECOND.name, "--ignore-not-found")
            remove_node(SECOND)

    def lose(self, node: Node) -> None:
        """Let a node die at once with all its containers. The cluster notices after some 25 s."""
        kill_node(node)

    def _need_ours(self) -> None:
        if not self.ours:
            pytest.skip(f"needs the project's own test cluster; {KUBECONFIG_VARIABLE} names another")


def own_cluster() -> Cluster:
    """The project's own cluster, which is up."""
    return Cluster(KUBECONFIG, str(PROGRAMS / "kubectl"), ours=True)


def given_cluster(environ: Mapping[str, str]) -> Cluster | None:
    """The user's cluster where KONTINUOUS_E2E_KUBECONFIG names one; raises InfrastructureError without kubectl."""
    if not (kubeconfig := environ.get(KUBECONFIG_VARIABLE)):
        return None
    if not (kubectl := shutil.which("kubectl")):
        raise InfrastructureError(f"kubectl is needed for the cluster that {KUBECONFIG_VARIABLE} names")
    loading = tuple(shlex.split(environ.get(LOAD_VARIABLE, "")))
    return Cluster(Path(kubeconfig).resolve(), kubectl, False, environ.get(HOST_VARIABLE, ""), loading)
