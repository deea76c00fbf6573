"""The launchers' contract, kept by the launcher on a real Kubernetes: the tests that the Docker launcher passes."""

import secrets
from collections.abc import Iterator
from contextlib import closing
from functools import partial

import pytest
from kubernetes import config
from kubernetes.client import Configuration

from coordinator.kube import KubeLauncher
from coordinator.kube_api import KubeApi
from tests.cluster.cluster import Cluster
from tests.contract.job_runner import JobRunner
from tests.contract.launcher_contract import GiveSecret, LauncherContract


@pytest.fixture(scope="module")
def contract_namespace(cluster: Cluster) -> Iterator[str]:
    """One for all of these tests: a launcher watches the namespaces that it is made with."""
    name = f"contract-{secrets.token_hex(3)}"
    cluster.kubectl("create", "namespace", name)
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="module")
def launcher(cluster: Cluster, contract_namespace: str) -> Iterator[KubeLauncher]:
    configuration = Configuration()
    config.load_kube_config(str(cluster.kubeconfig), client_configuration=configuration)
    with closing(KubeLauncher([contract_namespace], KubeApi(configuration))) as launcher:
        yield launcher


@pytest.fixture
def runner(launcher: KubeLauncher, contract_namespace: str, python_image: str) -> Iterator[JobRunner]:
    runner = JobRunner(launcher, contract_namespace, python_image)
    yield runner
    runner.remove_all()


@pytest.fixture
def give_secret(cluster: Cluster, contract_namespace: str) -> GiveSecret:
    return partial(cluster.give_secret, contract_namespace)


class TestKubeLauncher(LauncherContract):
    """All of it."""
