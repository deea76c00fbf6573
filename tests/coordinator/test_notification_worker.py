"""Notifications from the outbox to the stand-in for Slack: each once, and never for ever."""

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from coordinator.build_feed import BuildFeed
from coordinator.changes import BuildChanges
from coordinator.log_reader import LogReader
from coordinator.notices import NotificationRecord
from coordinator.notification_records import NotificationRecords
from coordinator.notification_worker import NotificationWorker
from coordinator.notifiers import notifiers
from coordinator.pauses import Pauses, Range
from coordinator.reach import Reach
from coordinator.resuming import with_resumed
from coordinator.store import BuildStore
from coordinator.telling import Teller
from shared import keys
from shared.clock import timestamp, utc_now
from shared.errors import Forbidden, InfrastructureError
from shared.model import Build, Notification
from tests.coordinator.api.api_server import FakeIntake
from tests.coordinator.notifications import failed, slack, succeeded, telling
from tests.coordinator.samples import NAMESPACE, REPOSITORY, settings, with_attempt
from tests.coordinator.world import FlakyKeyValue
from tests.fakes import slack as slack_fake
from tests.fakes.fake_launcher import FakeLauncher
from tests.fakes.mail import mail
from tests.fakes.slack import FakeSlack, shown
from tests.fakes.stores import FakeObjects
from tests.waiting import wait_for

STARTED, SUCCEEDED, FAILED = "hello {} started", "hello {} succeeded after 0 s", "hello {} failed after 0 s"


class Outbox:
    """A store with builds that tell the stand-in, and any number of workers on it."""

    def __init__(self, slack: FakeSlack) -> None:
        self.slack = slack
        self.kv = FlakyKeyValue()
        self.store = BuildStore(self.kv)
        self.objects = FakeObjects()
        self.secrets = FakeIntake()
        self.settings = settings(resync_s=0.2)
        self.store.create_pipeline(REPOSITORY, "http://git/hello.git")
        self.running: list[NotificationWorker | BuildFeed] = []

    def work(self, **changes: int) -> NotificationWorker:
        changed = replace(self.settings, **changes)
        logs = LogReader(self.store, self.objects, FakeLauncher(), BuildChanges())
        teller = Teller(changed.kontinuous_url, notifiers(Reach(["127.0.0.1"])), self.secrets, logs)
        pauses = Pauses(Range(0.1, 0.4), Range(0.1, 0.4))
        feed = BuildFeed(self.kv)
        worker = NotificationWorker(changed, self.kv, feed, teller, pauses)
        feed.start()
        worker.start()
        self.running += [worker, feed]
        return worker

    def start(self, *notif: Notification, **changes: str) -> Build:
        made = replace(telling(*(notif or (slack(self.slack.url),))), **changes)
        return self.store.create_build(REPOSITORY, lambda number: replace(made, number=number))

    def end(self, made: Build, end: Callable[[Build], Build] = succeeded) -> None:
        self.store.update_build(made.repository, made.number, end)

    def problems(self, made: Build) -> list[tuple[str, bool]]:
        """What the build shows: event and problem in one, and whether it was given up."""
        now = self.store.build(made.repository, made.number).value
        return [(f"{each.event}: {each.problem}", each.given_up) for each in now.notifications]

    def settled(self, made: Build) -> None:
        records = NotificationRecords(self.kv)
        wait_for(lambda: str(made.number) in records.read(made).record.settled)


@pytest.fixture
def outbox() -> Iterator[Outbox]:
    with slack_fake.slack() as fake:
        outbox = Outbox(fake)
        yield outbox
        for each in outbox.running:
            each.stop()


def test_start_and_success_are_told_once_each(outbox: Outbox) -> None:
    outbox.work()
    made = outbox.start()
    wait_for(lambda: outbox.slack.titles() == [STARTED.format(1)])
    outbox.end(made)
    outbox.settled(made)
    assert outbox.slack.titles() == [STARTED.format(1), SUCCEEDED.format(1)]
    assert outbox.problems(made) == []


def test_a_failure_is_told_with_the_last_lines_of_the_stage(outbox: Outbox) -> None:
    made = outbox.start()
    prefix = keys.log_prefix(made.repository, made.number, "build", 1)
    outbox.objects.put(keys.log_archive(prefix), b"".join(b"line %d\n" % n for n in range(5000)))
    outbox.end(made, failed)
    outbox.work()
    outbox.settled(made)
    text = shown(outbox.slack.messages[-1])
    assert "*Stage*\nBuild" in text
    assert "*Reason*\nexit code 1" in text
    assert text.endswith("```\n" + "".join(f"line {n}\n" for n in range(4990, 5000)) + "```")


def test_of_a_stage_that_died_the_stored_part_of_the_log_is_told(outbox: Outbox) -> None:
    made = outbox.start()
    prefix = keys.log_prefix(made.repository, made.number, "build", 1)
    outbox.objects.put(keys.log_chunk(prefix, 0), b"first\nsec")
    outbox.objects.put(keys.log_chunk(prefix, 9), b"ond\n")
    outbox.end(made, failed)
    outbox.work()
    outbox.settled(made)
    assert shown(outbox.slack.messages[-1]).endswith("```\nfirst\nsecond\n```")


def test_of_a_stored_log_with_a_gap_the_last_lines_before_it_are_told(outbox: Outbox) -> None:
    made = outbox.start()
    prefix = keys.log_prefix(made.repository, made.number, "build", 1)
    outbox.objects.put(keys.log_chunk(prefix, 0), b"x" * 9000 + b"\nlast before it\n")
    outbox.objects.put(keys.log_chunk(prefix, 100_000), b"beyond\n")
    outbox.end(made, failed)
    outbox.work()
    outbox.settled(made)
    assert shown(outbox.slack.messages[-1]).endswith("last before it\n```")


def test_two_coordinators_tell_each_event_once(outbox: Outbox) -> None:
    outbox.work()
    outbox.work()
    made = [outbox.start() for _ in range(8)]
    for each in made:
        outbox.end(each)
    for each in made:
        outbox.settled(each)
    expected = [text.format(n) for n in range(1, 9) for text in (STARTED, SUCCEEDED)]
    assert sorted(outbox.slack.titles()) == sorted(expected)


@pytest.mark.parametrize("trouble", ["gone", "fails", "limits"])
def test_each_event_is_told_once_after(outbox: Outbox, trouble: str) -> None:
    match trouble:
        case "gone":
            outbox.slack.stop()
        case "fails":
            outbox.slack.fail(500)
        case "limits":
            outbox.slack.fail(429, "rate_limited", times=2, retry_after="1")
    outbox.work()
    made = outbox.start()
    outbox.end(made)
    wait_for(lambda: outbox.problems(made) and not outbox.slack.messages)
    if trouble == "gone":
        outbox.slack.start()
    if trouble != "limits":
        outbox.slack.heal()
    outbox.settled(made)
    assert outbox.slack.titles() == [STARTED.format(1), SUCCEEDED.format(1)]
    assert outbox.problems(made) == [], "what was overcome is shown no more"


def test_slack_is_left_alone_while_it_asks_for_it_also_by_other_builds(outbox: Outbox) -> None:
    outbox.slack.fail(429, "rate_limited", times=1, retry_after="2")
    outbox.work()
    limited = outbox.start()
    wait_for(lambda: outbox.problems(limited))
    outbox.start()
    wait_for(lambda: len(outbox.slack.messages) == 2)
    first, second = outbox.slack.asked[:2]
    assert second - first > 1.9


def test_what_slack_will_never_take_is_given_up_at_once_and_shown(outbox: Outbox) -> None:
    outbox.slack.fail(404, "no_service", times=1)
    outbox.work()
    made = outbox.start()
    wait_for(lambda: outbox.problems(made) == [("start: it refuses the message: 404 no_service", True)])
    outbox.end(made)
    outbox.settled(made)
    assert outbox.slack.titles() == [SUCCEEDED.format(1)]
    assert len(outbox.slack.asked) == 2


def test_after_the_stated_time_it_is_given_up_and_shown(outbox: Outbox) -> None:
    outbox.slack.fail(500)
    outbox.work(notification_limit_s=1)
    made = outbox.start()
    outbox.end(made)
    outbox.settled(made)
    start, success = outbox.problems(made)
    assert start == ("start: not sent within 1 s: it fails: 500 rollup_error", True)
    assert success[0].startswith("success: not sent within 1 s")


def test_what_happened_long_ago_is_not_told_as_if_it_were_new(outbox: Outbox) -> None:
    made = outbox.start(created_at=timestamp(utc_now() - timedelta(hours=2)))
    outbox.work()
    wait_for(lambda: outbox.problems(made) == [("start: not sent within 3600 s", True)])
    assert outbox.slack.asked == []


def test_a_build_resumed_from_its_second_stage_is_told_of_though_its_first_ended_long_ago(outbox: Outbox) -> None:
    made = outbox.start(created_at=timestamp(utc_now() - timedelta(hours=2)))
    outbox.end(made)
    outbox.store.update_build(
        made.repository, made.number, lambda build: with_resumed(build, "unit-test", "ada", timestamp())
    )
    outbox.end(made, lambda build: with_attempt(build, "unit-test", created_at=timestamp()))
    outbox.work()
    wait_for(lambda: outbox.slack.titles() == [STARTED.format(1)])
    assert outbox.problems(made) == []


def test_a_mail_that_one_of_two_recipients_got_is_given_up_and_shown(outbox: Outbox) -> None:
    with mail() as server:
        server.unknown = "bad@a.example"
        to = "to=good@a.example,bad@a.example&from=ci@a.example&mode=insecure"
        outbox.work()
        made = outbox.start(Notification("mail", None, {"url": f"mailto://u:p@127.0.0.1:{server.port}?{to}"}))
        wait_for(lambda: outbox.problems(made))
        outbox.end(made)
        outbox.settled(made)
        assert [sent["Subject"] for sent in server.messages] == [STARTED.format(1), SUCCEEDED.format(1)]
    reason = "the service did not take the message; but it may have come, if only to some, and is not sent twice"
    assert outbox.problems(made) == [(f"start: {reason}", True), (f"success: {reason}", True)]


def test_one_that_fails_keeps_no_other_waiting(outbox: Outbox) -> None:
    with slack_fake.slack() as other:
        outbox.slack.fail(500)
        outbox.work()
        made = outbox.start(slack(outbox.slack.url), slack(other.url))
        outbox.end(made)
        wait_for(lambda: other.titles() == [STARTED.format(1), SUCCEEDED.format(1)])
        assert outbox.problems(made)[0][0].startswith("start: it fails")


def test_with_a_secret_each_value_is_a_key_in_it(outbox: Outbox) -> None:
    data = {"slackurl": f"{outbox.slack.url}\n".encode(), "slackuser": b"Ci", "slackchannel": b"#builds"}
    outbox.secrets.put_secret(NAMESPACE, "notifcreds", data)
    outbox.work()
    outbox.start(slack("slackurl", "notifcreds", username="slackuser", channel="slackchannel"))
    wait_for(lambda: outbox.slack.messages)
    [message] = outbox.slack.messages
    assert (message["username"], message["channel"]) == ("Ci", "#builds")


def test_a_secret_that_is_missing_is_shown_and_waited_for(outbox: Outbox) -> None:
    outbox.work()
    made = outbox.start(slack("slackurl", "notifcreds"))
    missing = f"start: there is no Secret 'notifcreds' in namespace '{NAMESPACE}'"
    wait_for(lambda: outbox.problems(made) == [(missing, False)])
    outbox.secrets.put_secret(NAMESPACE, "notifcreds", {"other": b"x"})
    no_key = f"start: the Secret 'notifcreds' in namespace '{NAMESPACE}' has no key 'slackurl'"
    wait_for(lambda: outbox.problems(made) == [(no_key, False)])
    outbox.secrets.put_secret(NAMESPACE, "notifcreds", {"slackurl": outbox.slack.url.encode()})
    wait_for(lambda: outbox.slack.titles() == [STARTED.format(1)])
    wait_for(lambda: outbox.problems(made) == [])


@pytest.mark.parametrize("failure", [Forbidden("kontinuous may not read it"), InfrastructureError("nobody answers")])
def test_a_secret_that_may_not_be_read_is_shown(outbox: Outbox, failure: Exception) -> None:
    outbox.secrets.failure = failure
    outbox.work()
    made = outbox.start(slack("slackurl", "notifcreds"))
    wait_for(lambda: outbox.problems(made) == [(f"start: {failure}", False)])


def test_no_address_is_logged_or_shown(outbox: Outbox, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    outbox.slack.fail(404, outbox.slack.url, times=1)
    outbox.slack.fail(500, times=2)
    outbox.work()
    made = outbox.start()
    outbox.end(made)
    outbox.settled(made)
    assert "notification 1/0/start" in caplog.text
    assert "services" not in caplog.text
    assert "services" not in str(outbox.problems(made))


def test_a_claim_is_respected_until_it_is_too_old(outbox: Outbox) -> None:
    records = NotificationRecords(outbox.kv)
    made = outbox.start()
    soon = timestamp(utc_now() + timedelta(seconds=1.5))
    records.write(records.read(made), NotificationRecord(holder="another", held_until=soon, posting="1/0/start"))
    outbox.work()
    wait_for(lambda: outbox.slack.messages)
    assert timestamp() > soon


def test_a_coordinator_that_starts_tells_nothing_again(outbox: Outbox) -> None:
    first = outbox.work()
    made = outbox.start()
    outbox.end(made)
    outbox.settled(made)
    first.stop()
    outbox.work()
    other = outbox.start()
    wait_for(lambda: outbox.slack.titles()[-1] == STARTED.format(other.number))
    assert len(outbox.slack.messages) == 3


def test_an_outage_of_etcd_after_a_message_was_sent_does_not_send_it_twice(outbox: Outbox) -> None:
    outbox.slack.be_slow()
    outbox.work()
    made = outbox.start()
    wait_for(lambda: outbox.slack.asked)
    outbox.kv.down = True
    threading.Timer(0.5, setattr, (outbox.kv, "down", False)).start()
    outbox.slack.heal()
    wait_for(lambda: not outbox.kv.down)
    wait_for(lambda: outbox.slack.titles() == [STARTED.format(1)])
    outbox.end(made)
    outbox.settled(made)
    assert outbox.slack.titles() == [STARTED.format(1), SUCCEEDED.format(1)]


def test_a_build_that_is_removed_takes_its_record_along(outbox: Outbox) -> None:
    outbox.work()
    made = outbox.start()
    outbox.end(made)
    outbox.settled(made)
    assert outbox.kv.list(keys.NOTIFICATIONS) != ()
    outbox.store.delete_build(made)
    assert outbox.kv.list(keys.NOTIFICATIONS) == ()


def test_what_is_owed_is_what_can_be_sent_now(outbox: Outbox) -> None:
    outbox.slack.stop()
    worker = outbox.work()
    made = outbox.start()
    outbox.end(made)
    wait_for(lambda: outbox.problems(made))
    wait_for(lambda: not worker.owes(outbox.store.all_builds()))
    outbox.slack.start()
    outbox.settled(made)
    assert not worker.owes(outbox.store.all_builds())
    second = outbox.start()
    assert worker.owes([("", second)])
