"""Slack is told of what `kontinuous run` does: on one machine, with real stages, and a stand-in for Slack."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.journey import Kontinuous, command, repository, secrets_file
from tests.fakes import slack as slack_fake
from tests.fakes.slack import FakeSlack, shown

NOTIF = {"type": "slack", "secret": "notifcreds", "metadata": {"url": "slackurl", "channel": "slackchannel"}}


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with slack_fake.slack() as fake:
        yield fake


def test_a_run_tells_its_start_and_its_end_before_the_service_stops(
    alone: Kontinuous, slack: FakeSlack, tmp_path: Path
) -> None:
    secrets = secrets_file(tmp_path / "secrets.yml", notifcreds={"slackurl": slack.url, "slackchannel": "#builds"})
    good = repository(tmp_path / "good", command("Speak", "echo", "all is well"), notif=[NOTIF])
    done = alone.run(good, "--secrets", secrets)
    assert done.exit_code == 0, done.screen
    assert [title.partition(" after")[0] for title in slack.titles()] == ["good 1 started", "good 1 succeeded"]
    assert {message["channel"] for message in slack.messages} == {"#builds"}

    stage = command("Red", "sh", "-c", "seq 100; echo '<last> words'; exit 7")
    bad = repository(tmp_path / "bad", stage, notif=[NOTIF])
    assert alone.run(bad, "--secrets", secrets).exit_code == 1
    assert len(slack.messages) == 4
    text = shown(slack.messages[-1])
    assert "*Stage*\nRed" in text
    assert "exited with 7" in text
    assert "\n99\n100\n&lt;last&gt; words\nFAIL: the command exited with 7\n```" in text


def test_what_was_not_sent_is_said_on_the_build_which_goes_on(
    alone: Kontinuous, slack: FakeSlack, tmp_path: Path
) -> None:
    slack.fail(500)
    notif = [{"type": "slack", "metadata": {"url": slack.url}}]
    folder = repository(tmp_path / "quiet", command("Speak", "echo", "all is well"), notif=notif)
    assert alone.run(folder).exit_code == 0
    [build] = json.loads(alone("get", "builds", "-o", "json", cwd=folder).stdout)
    assert [(each["event"], each["given_up"]) for each in build["notifications"]] == [("start", False)]
    assert "500" in build["notifications"][0]["problem"]
    assert slack.messages == []
