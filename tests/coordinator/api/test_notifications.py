"""`notif` through the front door: a build over HTTP, stages that are played, and the stand-in for Slack."""

from collections.abc import Iterator
from typing import Any

import pytest

from shared.status import Fault, ReportStatus
from tests.coordinator.api.api_server import BUILDS, PIPELINE_FILE, Server
from tests.coordinator.samples import REPOSITORY
from tests.coordinator.world import PlayedStage
from tests.fakes import slack as slack_fake
from tests.fakes.slack import FakeSlack, shown
from tests.waiting import wait_for

STAGES = "    stages:"


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with slack_fake.slack() as fake:
        yield fake


@pytest.fixture
def telling(slack: FakeSlack) -> Iterator[Server]:
    """A service whose repository tells the stand-in."""
    server = Server(notification_hosts=("127.0.0.1",))
    tell(server, f"{{type: slack, metadata: {{url: '{slack.url}', channel: '#builds', username: Ci}}}}")
    server.world.play()
    yield server
    server.close()


def tell(server: Server, notif: str) -> None:
    """Put one entry of `notif` into the pipeline file."""
    server.source.files[".pipeline.yml"] = PIPELINE_FILE.replace(STAGES, f"    notif: [{notif}]\n{STAGES}")


def ended(server: Server, number: int = 1) -> dict[str, Any]:
    path = f"{BUILDS}/{number}"
    return wait_for(lambda: b if (b := server.ask("GET", path).json())["finished_at"] else None)


def fail(stage: PlayedStage) -> None:
    stage.write(b"collecting <tests>\n\x1b[31mAssertionError: 1 != 2\x1b[0m\n")
    stage.end(ReportStatus.FAIL, 1, fault=Fault.USER, reason="the command exited with 1", exit_code=1)


def test_slack_is_told_of_start_and_success(telling: Server, slack: FakeSlack) -> None:
    telling.start_build()
    build = ended(telling)
    wait_for(lambda: len(slack.messages) == 2)
    start, success = slack.messages
    link = f"{telling.settings.kontinuous_url}/builds/{REPOSITORY}/1"
    assert start["text"] == f"<{link}|hello 1 started>"
    assert success["text"].startswith(f"<{link}|hello 1 succeeded")
    assert {(each["channel"], each["username"]) for each in slack.messages} == {("#builds", "Ci")}
    assert (build["status"], build["notifications"]) == ("SUCCESS", [])


def test_slack_is_told_which_stage_failed_why_and_its_last_lines(telling: Server, slack: FakeSlack) -> None:
    telling.world.plays["unit-test"] = fail
    telling.start_build()
    wait_for(lambda: len(slack.messages) == 2)
    text = shown(slack.messages[1])
    assert "|hello 1 failed" in text
    assert "*Stage*\nUnit Test" in text
    assert "*Reason*\nthe command exited with 1" in text
    assert text.endswith("```\ncollecting &lt;tests&gt;\nAssertionError: 1 != 2\n```")


def test_slack_is_told_of_a_cancelled_build(telling: Server, slack: FakeSlack) -> None:
    def stop(stage: PlayedStage) -> None:
        stage.wait_for_cancel()
        stage.end(ReportStatus.INTERRUPTED, 130, reason="interrupted")

    telling.world.plays["build"] = stop
    made = telling.start_build()
    wait_for(lambda: telling.world.worked)
    telling.ask("POST", f"{BUILDS}/{made['number']}/cancel")
    wait_for(lambda: len(slack.messages) == 2)
    text = shown(slack.messages[1])
    assert "hello 1 was cancelled" in text
    assert "*Reason*\ncancelled by ann" in text


def test_a_slack_that_hangs_delays_no_build(telling: Server, slack: FakeSlack) -> None:
    slack.hang()
    telling.start_build()
    wait_for(lambda: slack.asked)
    build = ended(telling)
    assert (build["status"], slack.messages) == ("SUCCESS", []), "the build ended while Slack still owed its answer"
    assert len(slack.asked) == 1
    slack.heal()
    wait_for(lambda: len(slack.messages) == 2)


def test_what_cannot_be_sent_is_said_on_the_build_and_fails_nothing(telling: Server, slack: FakeSlack) -> None:
    tell(telling, "{type: slack, secret: notifcreds, metadata: {url: slackurl}}")
    telling.start_build()
    build = ended(telling)
    assert build["status"] == "SUCCESS"
    found = wait_for(lambda: telling.ask("GET", f"{BUILDS}/1").json()["notifications"])
    missing = "there is no Secret 'notifcreds' in namespace 'acaleph'"
    assert found == [{"type": "slack", "event": "start", "problem": missing, "given_up": False}]


def test_a_secret_of_kontinuous_own_is_for_no_notification(telling: Server) -> None:
    tell(telling, "{type: slack, secret: hello-3-0123abcd, metadata: {url: slackurl}}")
    telling.start_pipeline()
    answer = telling.ask("POST", BUILDS, json={"ref": "main"})
    assert (answer.status_code, "hello-3-0123abcd" in answer.json()["message"]) == (422, True), answer.text


def test_a_private_address_is_refused_unless_the_operator_allows_it(slack: FakeSlack) -> None:
    server = Server()
    try:
        tell(server, f"{{type: slack, metadata: {{url: '{slack.url}'}}}}")
        server.world.play()
        server.start_build()
        found = wait_for(lambda: server.ask("GET", f"{BUILDS}/1").json()["notifications"])
        assert ("NOTIFICATION_HOSTS" in found[0]["problem"], found[0]["given_up"], slack.asked) == (True, True, [])
    finally:
        server.close()
