"""Notifications on a real cluster: two coordinators tell each event once, and read the one Secret that they may."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from functools import partial

import pytest
from kubernetes import config
from kubernetes.client import Configuration

from coordinator.kube_api import KubeApi
from coordinator.kube_secrets import KubeSecrets
from tests.cluster.builds import command, finish, give_secret, start
from tests.cluster.cluster import Cluster
from tests.cluster.installation import TEAM_NAMESPACE, Installation
from tests.contract.secret_reader_contract import Give, SecretReaderContract
from tests.fakes import slack as slack_fake
from tests.fakes.slack import FakeSlack, shown
from tests.waiting import wait_for

TOLD_S = 60
NOTIF = {"type": "slack", "secret": "notifcreds", "metadata": {"url": "slackurl", "channel": "slackchannel"}}

pytestmark = pytest.mark.timeout(300, func_only=True)


@pytest.fixture
def slack(installation: Installation) -> Iterator[FakeSlack]:
    """The stand-in, where pods reach it, and the Secret that names it."""
    with slack_fake.slack(installation.cluster.host_address) as fake:
        give_secret(installation, "notifcreds", slackurl=fake.url, slackchannel="#builds")
        yield fake


def titles(slack: FakeSlack) -> Counter[str]:
    return Counter(title.partition(" after")[0] for title in slack.titles())


def test_two_coordinators_tell_each_event_once(installation: Installation, slack: FakeSlack) -> None:
    assert len(installation.coordinators()) == 2
    image = installation.base_image
    good = [start(installation, f"told-{n}", command("Speak", "true", image=image), notif=[NOTIF]) for n in range(4)]
    red = start(
        installation, "told-red", command("Red", "sh", "-c", "echo last words; exit 7", image=image), notif=[NOTIF]
    )
    assert [finish(installation, name)["status"] for name in (*good, red)] == ["SUCCESS"] * 4 + ["FAIL"]
    expected = {"test 1 started": 5, "test 1 succeeded": 4, "test 1 failed": 1}
    wait_for(lambda: titles(slack) == expected, TOLD_S)
    messages = Counter(shown(message) for message in slack.messages)
    assert set(messages.values()) == {1}, "each of them once"
    assert {message["channel"] for message in slack.messages} == {"#builds"}
    [failure] = [shown(message) for message in slack.messages if " failed" in message["text"]]
    assert "*Stage*\nRed" in failure
    assert "last words" in failure


def test_each_event_is_told_though_a_coordinator_is_killed(installation: Installation, slack: FakeSlack) -> None:
    stage = command("Work", "sleep", "5", image=installation.base_image)
    name = start(installation, "told-killed", stage, notif=[NOTIF])
    wait_for(lambda: titles(slack) == {"test 1 started": 1}, TOLD_S)
    victim = installation.coordinators()[0]["metadata"]["name"]
    installation.cluster.kubectl("delete", "pod", victim, "-n", "kontinuous", "--grace-period=0", "--force")
    assert finish(installation, name)["status"] == "SUCCESS"
    wait_for(lambda: titles(slack) == {"test 1 started": 1, "test 1 succeeded": 1}, TOLD_S)
    wait_for(lambda: len(installation.coordinators()) == 2, 120)


def test_a_secret_that_may_not_be_read_is_said_on_the_build_and_fails_nothing(
    installation: Installation, slack: FakeSlack
) -> None:
    # In the other namespace, whose refusals are not those of the test of rights.
    give_secret(installation, "not-granted", namespace=TEAM_NAMESPACE, slackurl=slack.url, slackchannel="#builds")
    stage = command("Speak", "true", image=installation.base_image)
    notif = [{**NOTIF, "secret": "not-granted"}]
    name = start(installation, "untold", stage, namespace=TEAM_NAMESPACE, notif=notif)
    assert finish(installation, name)["status"] == "SUCCESS"
    client = installation.client()
    [problem] = wait_for(lambda: client.build(name)["notifications"], TOLD_S)
    assert (problem["type"], problem["event"], problem["given_up"]) == ("slack", "start", False)
    assert f"may not read the Secret 'not-granted' in namespace '{TEAM_NAMESPACE}'" in problem["problem"]
    assert slack.messages == []


class TestKubeSecrets(SecretReaderContract):
    """On the real API, with all rights."""

    @pytest.fixture
    def reader(self, cluster: Cluster) -> Iterator[KubeSecrets]:
        configuration = Configuration()
        config.load_kube_config(str(cluster.kubeconfig), client_configuration=configuration)
        with closing(KubeApi(configuration)) as api:
            yield KubeSecrets(api)

    @pytest.fixture
    def place(self, namespace: str) -> str:
        return namespace

    @pytest.fixture
    def give(self, cluster: Cluster, place: str) -> Give:
        return partial(cluster.give_secret, place)
