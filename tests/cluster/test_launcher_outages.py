"""The launcher while parts of the cluster are away: what happened meanwhile is seen afterwards, and nothing is lost."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from kubernetes import config
from kubernetes.client import Configuration

from coordinator.kube import KubeLauncher
from coordinator.kube_api import KubeApi
from local.engine import Engine
from shared.errors import InfrastructureError
from shared.ports import JobPhase, JobRef, JobState
from tests.cluster.cluster import Cluster
from tests.contract.job_runner import JobRunner
from tests.waiting import wait_for

BACK_S = 60


@pytest.fixture
def launcher(cluster: Cluster, namespace: str) -> Iterator[KubeLauncher]:
    configuration = Configuration()
    config.load_kube_config(str(cluster.kubeconfig), client_configuration=configuration)
    with closing(KubeLauncher([namespace], KubeApi(configuration))) as launcher:
        yield launcher


@pytest.fixture
def runner(launcher: KubeLauncher, namespace: str, python_image: str) -> JobRunner:
    return JobRunner(launcher, namespace, python_image)


@pytest.fixture
def seen(runner: JobRunner) -> Iterator[list[JobState]]:
    """All that one watch yields, for as long as the test runs."""
    with runner.watching() as states:
        yield states


def is_seen(seen: list[JobState], ref: JobRef, phase: JobPhase) -> bool:
    return any(state.ref == ref and state.phase is phase for state in list(seen))


def test_what_ends_while_the_api_server_is_away_is_seen_when_it_is_back(
    cluster: Cluster, runner: JobRunner, seen: list[JobState]
) -> None:
    ref = runner.launch(runner.stage("echo ready; sleep 2"))
    runner.wait_until_ready(ref)
    cluster.part("kube-apiserver").kill()
    try:
        with pytest.raises(InfrastructureError, match="does not answer"):
            runner.launch(runner.stage("true"))
        with pytest.raises(InfrastructureError, match="does not answer"):
            runner.launcher.jobs()
    finally:
        cluster.start("kube-apiserver")
    wait_for(lambda: is_seen(seen, ref, JobPhase.FINISHED), BACK_S)
    assert not is_seen(seen, ref, JobPhase.GONE)
    again = runner.launch(runner.stage("true"))
    wait_for(lambda: is_seen(seen, again, JobPhase.FINISHED), BACK_S)


def test_a_node_that_dies_is_told_first_as_silent_and_then_as_lost(
    cluster: Cluster, runner: JobRunner, python_image: str, engine: Engine
) -> None:
    with cluster.second_node() as node:
        cluster.load(python_image, engine, node)
        fields: dict[str, Any] = {"nodeSelector": {"kubernetes.io/hostname": node.name}}
        ref = runner.launch(runner.stage("echo ready; exec sleep 600"), **fields)
        runner.wait_until_ready(ref)
        cluster.lose(node)
        runner.wait(ref, lambda state: state.reason == "NodeNotReady" and not state.permanent, BACK_S)
        state = runner.wait(ref, lambda state: state.reason == "NodeLost", BACK_S)
        assert (state.phase, state.permanent) == (JobPhase.RUNNING, True)
