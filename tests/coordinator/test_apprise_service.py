"""Mail for real, to a stand-in; and what an address may not make apprise do."""

import logging
import sys

import pytest

from coordinator.announcements import Undeliverable
from coordinator.apprise_service import SERVICES, AppriseService, body
from coordinator.notifiers import notifiers
from coordinator.reach import Reach
from shared.errors import InfrastructureError
from shared.stage_types import DISCORD, MAIL, NOTIFIERS, TEAMS
from tests.coordinator.notifications import LINK, message
from tests.fakes.mail import mail

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


def test_no_text_of_others_is_a_mention() -> None:
    assert body(message(log=("@everyone <@1234>",))).count("@\u200b") == 2
    assert "@everyone" not in body(message(log=("@everyone",)))


def test_without_apprise_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(Undeliverable, match=r"kontinuous\[apprise\]"):
        AppriseService(MAIL, Reach(["*"])).send(message(), {"url": "mailtos://u:p@example.com"})
