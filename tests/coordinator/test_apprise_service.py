"""Mail for real, to a stand-in; and what an address may not make apprise do."""

import logging
import re
import sys
from typing import Any

import pytest

from coordinator.announcements import Announcement, Undeliverable
from coordinator.apprise_service import SERVICES, AppriseService
from coordinator.notifiers import notifiers
from coordinator.reach import Reach
from shared.errors import InfrastructureError
from shared.stage_types import DISCORD, MAIL, NOTIFIERS, TEAMS
from tests.coordinator.notifications import LINK, message
from tests.fakes.discord import FakeDiscord, discord
from tests.fakes.mail import mail
from tests.free_port import free_port

TO = "to=team@example.com&from=ci@example.com&mode=insecure"


def test_what_a_file_may_say_is_what_can_be_sent() -> None:
    assert notifiers(Reach()).keys() == NOTIFIERS.keys()


def test_a_mail_says_all_of_it() -> None:
    with mail() as server:
        url = f"mailto://user:secret@127.0.0.1:{server.port}?{TO}"
        AppriseService(MAIL, Reach(["127.0.0.1"])).send(message(log=("a <b> & c",)), {"url": url})
        [sent] = server.messages
    text = sent.get_body(("plain",)) or sent
    assert (sent["Subject"], "team@example.com" in sent["To"]) == ("hello 3 failed", True)
    assert text.get_content().strip().replace("\r", "") == f"Branch: main\n\na <b> & c\n\n{LINK}"


def test_a_refused_mail_is_tried_again_and_names_no_address(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with mail() as server:
        server.refuses = True
        url = f"mailto://user:secret@127.0.0.1:{server.port}?{TO}"
        with pytest.raises(InfrastructureError, match="did not take") as caught:
            AppriseService(MAIL, Reach(["*"])).send(message(), {"url": url})
    assert server.refused > 0
    assert "secret" not in str(caught.value) + caplog.text


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        (MAIL, "mailto://127.0.0.1:25?to=a@example.com&from=b@example.com"),
        (MAIL, "mailtos://u:p@example.com?to=a@example.com&smtp=169.254.169.254"),
        (TEAMS, "workflows://10.0.0.1/workflow/signature"),
    ],
)
def test_private_addresses_are_refused(kind: str, url: str) -> None:
    with pytest.raises(Undeliverable, match="NOTIFICATION_HOSTS"):
        AppriseService(kind, Reach()).send(message(), {"url": url})


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        (TEAMS, "workflows://example.com/workflow/signature?template=/etc/passwd"),
        (TEAMS, "workflows://example.com/workflow/signature?a=b?Template=/etc/passwd"),
        (TEAMS, "workflows://example.com/workflow/signature?sig=x&t%65mplate=/etc/passwd"),
        (DISCORD, "discord://1234/token?verify=no"),
        (MAIL, "mailtos://u:p@example.com?retry=5&wait=60"),
        (MAIL, "mailtos://u:p@example.com?pgpprv=/.secret/kontinuous-secrets"),
    ],
)
def test_parameters_that_do_more_than_address_are_refused(kind: str, url: str) -> None:
    with pytest.raises(Undeliverable, match="these parameters only"):
        AppriseService(kind, Reach(["*"])).send(message(), {"url": url})


@pytest.mark.parametrize("kind", SERVICES)
@pytest.mark.parametrize("url", ["json://127.0.0.1/", "file:///etc/passwd", "syslog://", "https://127.0.0.1/x", "x://"])
def test_other_services_are_refused(kind: str, url: str) -> None:
    with pytest.raises(Undeliverable, match="is no address with"):
        AppriseService(kind, Reach(["*"])).send(message(), {"url": url})


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        (DISCORD, "https://discord.com/api/webhooks/123456/abcdefghijk"),
        (TEAMS, "https://a.logic.azure.com:443/workflows/0123abcd/triggers/manual/paths/invoke?sig=abc&sv=1.0"),
        (MAIL, "mailtos://user:password@gmail.com"),
    ],
)
def test_addresses_as_the_services_give_them_are_understood(kind: str, url: str) -> None:
    service = AppriseService(kind, Reach())._service(url)
    assert (service.redirects, service.retry) == (False, 0)


class ToDiscord(AppriseService):
    """Sends to a stand-in, whose address apprise does not take."""

    def __init__(self, standin: FakeDiscord) -> None:
        super().__init__(DISCORD, Reach(), (0.3, 0.3))
        self._standin = standin

    def _service(self, url: str) -> Any:
        service = super()._service(url)
        service.notify_url = self._standin.url
        return service

    def tell(self, announcement: Announcement) -> None:
        self.send(announcement, {"url": "discord://1234/token"})


LONG = tuple(f"{number} {'`*x*` ' * 33}" for number in range(10))


def test_on_discord_nothing_in_the_words_of_others_is_a_mention_a_link_or_markup() -> None:
    with discord() as standin:
        evil = "[click](https://evil.example) <@&12> <@!34> @here **b** `c` \\"
        ToDiscord(standin).tell(message(title="a *b* <@&1>", facts=(("Commit", evil),), log=("```", "<@&5> **d**")))
        [content] = standin.contents
    at = "@\u200b"
    assert content == (
        f"a \\*b\\* \\<{at}&1\\>\r\n"
        f"Commit: \\[click\\]\u200b(https://evil.example) \\<{at}&12\\> \\<{at}!34\\> {at}here "
        "\\*\\*b\\*\\* \\`c\\` \\\\\n\n"
        f"```\n'''\n<{at}&5> **d**\n```\n\n{LINK}"
    )


def test_what_is_longer_than_discord_takes_loses_its_oldest_lines() -> None:
    with discord() as standin:
        ToDiscord(standin).tell(message(log=LONG))
        ToDiscord(standin).tell(message(facts=tuple((str(n), "[x]" * 100) for n in range(9))))
        first, second = standin.contents
    assert re.findall("^[0-9]", first, re.MULTILINE) == list("123456789")
    assert first.endswith(f"\n```\n\n{LINK}")
    assert second.endswith(f"…\n\n{LINK}")


def test_what_discord_refuses_at_once_is_tried_again_but_not_what_it_may_have_taken() -> None:
    with discord() as standin:
        standin.refuses = True
        with pytest.raises(InfrastructureError):
            ToDiscord(standin).tell(message())
        standin.limits = True
        with pytest.raises(InfrastructureError):
            ToDiscord(standin).tell(message())
        standin.refuses, standin.limits, standin.slow = False, False, True
        with pytest.raises(Undeliverable, match="it may have come, if only to some, and is not sent twice"):
            ToDiscord(standin).tell(message())
        assert len(standin.contents) == 1


@pytest.mark.parametrize("recipients", ["to=good@a.example,bad@a.example", "to=good@a.example&cc=bad@a.example"])
def test_a_mail_that_not_all_of_its_recipients_got_is_not_sent_again(recipients: str) -> None:
    with mail() as server:
        server.unknown = "bad@a.example"
        url = f"mailto://u:p@127.0.0.1:{server.port}?{recipients}&from=ci@example.com&mode=insecure"
        with pytest.raises(Undeliverable, match="not sent twice"):
            AppriseService(MAIL, Reach(["*"])).send(message(), {"url": url})
        assert len(server.messages) == 1


def test_a_mail_that_a_slow_server_takes_is_not_sent_again() -> None:
    with mail() as server:
        server.slow = True
        url = f"mailto://u:p@127.0.0.1:{server.port}?{TO}"
        with pytest.raises(Undeliverable, match="not sent twice"):
            AppriseService(MAIL, Reach(["*"]), (0.3, 0.3)).send(message(), {"url": url})
        assert len(server.messages) == 1


def test_a_mail_server_that_is_away_is_tried_again() -> None:
    url = f"mailto://u:p@127.0.0.1:{free_port()}?to=a@a.example,b@a.example&from=ci@example.com&mode=insecure"
    with pytest.raises(InfrastructureError):
        AppriseService(MAIL, Reach(["*"])).send(message(), {"url": url})


def test_a_message_for_teams_fits_and_mentions_nobody() -> None:
    evil = message(facts=(("Commit", "<at>29:1</at> <AT>x</AT> [click](https://evil.example) a@b"),), log=LONG)
    room = AppriseService(TEAMS, Reach())._service("workflows://example.com/workflow/signature").body_maxlen
    text = SERVICES[TEAMS].wording.body(evil, room)
    zero = "\u200b"
    assert text.startswith(
        f"Commit: <{zero}at>29:1<{zero}/at> <{zero}AT>x<{zero}/AT> [click]{zero}(https://evil.example) a@{zero}b\n\n6 "
    )
    assert text.endswith(LINK)
    assert len(text) <= room == 1000


def test_without_apprise_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(Undeliverable, match=r"kontinuous\[apprise\]"):
        AppriseService(MAIL, Reach(["*"])).send(message(), {"url": "mailtos://u:p@example.com"})
