"""Messages in Slack's form, and what Slack's answers mean."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.announcements import LOG_LINES, LONGEST_FACT, LONGEST_LINE, Undeliverable
from coordinator.notices import Event
from coordinator.reach import Reach
from coordinator.slack import DEFAULT_WAIT_S, LONGEST_WAIT_S, Slack, payload
from shared.errors import InfrastructureError, RateLimited
from tests.coordinator.notifications import LINK, message
from tests.fakes import slack_message
from tests.fakes.slack import FakeSlack, shown, slack

HERE = Reach(["127.0.0.1"])
lines = st.text(st.characters(exclude_characters="\n\r"), max_size=LONGEST_LINE)
facts = st.tuples(st.just("Name"), st.text(min_size=1, max_size=LONGEST_FACT))


@pytest.fixture
def standin() -> Iterator[FakeSlack]:
    with slack() as fake:
        yield fake


@given(
    st.text(min_size=1, max_size=LONGEST_FACT),
    st.lists(facts, min_size=1, max_size=8),
    st.lists(lines, max_size=LOG_LINES),
)
def test_slack_takes_every_message_and_sees_no_mention_in_it(
    title: str, named: list[tuple[str, str]], log: list[str]
) -> None:
    body = payload(message(title=title, facts=tuple(named), log=tuple(log)))
    assert list(slack_message.problems(body)) == []


def test_no_text_of_others_is_a_link_a_mention_or_the_end_of_the_code() -> None:
    body = payload(
        message(
            title="a <!channel> & b",
            facts=(("Commit", "<https://evil|Slack> <@U1>"),),
            log=("``` *bold* <!here>",),
        )
    )
    assert body["text"] == f"<{LINK}|a &lt;!channel&gt; &amp; b>"
    text = shown(body)
    assert "&lt;https://evil|Slack&gt; &lt;@U1&gt;" in text
    assert text.endswith("```\n''' *bold* &lt;!here&gt;\n```")
    assert list(slack_message.problems({"text": "<!channel>"}))
    assert list(slack_message.problems({"text": "a & b"}))


def test_a_failure_looks_otherwise_than_a_success() -> None:
    colors = {payload(message(event=event))["attachments"][0]["color"] for event in Event}
    assert len(colors) == len(Event)


def test_channel_and_username_are_sent_where_they_are_given(standin: FakeSlack) -> None:
    Slack(HERE).send(message(), {"url": standin.url, "channel": "#builds", "username": "Ci"})
    Slack(HERE).send(message(), {"url": standin.url})
    first, second = standin.messages
    assert (first["channel"], first["username"]) == ("#builds", "Ci")
    assert not {"channel", "username"} & second.keys()


@pytest.mark.parametrize(
    ("status", "word", "error", "words"),
    [
        (404, "no_service", Undeliverable, "404 no_service"),
        (403, "action_prohibited", Undeliverable, "403 action_prohibited"),
        (410, "channel_is_archived", Undeliverable, "410 channel_is_archived"),
        (400, "<html>secret</html>", Undeliverable, "refuses the message: 400$"),
        (302, "moved", Undeliverable, "redirect"),
        (500, "rollup_error", InfrastructureError, "500 rollup_error"),
        (503, "", InfrastructureError, "503$"),
        (429, "rate_limited", RateLimited, "429"),
    ],
)
def test_what_slack_answers(standin: FakeSlack, status: int, word: str, error: type[Exception], words: str) -> None:
    standin.fail(status, word, location=standin.url)
    with pytest.raises(error, match=words):
        Slack(HERE).send(message(), {"url": standin.url})
    assert len(standin.asked) == 1, "a redirect is not followed"


@pytest.mark.parametrize(
    ("after", "wait_s"), [("7", 7), ("0", 1), ("999999", LONGEST_WAIT_S), ("soon", DEFAULT_WAIT_S)]
)
def test_slack_is_left_alone_for_as_long_as_it_asks(standin: FakeSlack, after: str, wait_s: float) -> None:
    standin.fail(429, "rate_limited", retry_after=after)
    with pytest.raises(RateLimited) as caught:
        Slack(HERE).send(message(), {"url": standin.url})
    assert caught.value.wait_s == wait_s


def test_no_error_names_the_address(standin: FakeSlack) -> None:
    told = []
    for status in (404, 500, 429, 302):
        standin.fail(status, standin.url, times=1)
    for _ in range(4):
        with pytest.raises((Undeliverable, InfrastructureError)) as caught:
            Slack(HERE).send(message(), {"url": standin.url})
        told.append(repr(caught.value))
    standin.stop()
    with pytest.raises(InfrastructureError, match="no connection") as gone:
        Slack(HERE).send(message(), {"url": standin.url})
    assert gone.value.__cause__ is None
    assert not [text for text in (*told, repr(gone.value)) if "services" in text or "127.0.0.1" in text]


def test_a_slack_that_hangs_is_left_when_the_time_is_over(standin: FakeSlack) -> None:
    standin.hang()
    with pytest.raises(InfrastructureError, match="took too long"):
        Slack(HERE, total_s=0.3).send(message(), {"url": standin.url})
