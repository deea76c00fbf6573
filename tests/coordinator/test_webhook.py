"""What a POST to somebody else's address will not do."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from coordinator.announcements import Undeliverable
from coordinator.reach import Reach
from coordinator.webhook import MOST_BYTES, keep_addresses_out_of_the_log, post
from shared.errors import InfrastructureError
from tests.fakes.slack import FakeSlack, slack
from tests.waiting import wait_for

NOWHERE = Reach()


@pytest.fixture
def standin() -> Iterator[FakeSlack]:
    with slack() as fake:
        yield fake


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://example.com/",
        "gopher://x",
        "https://",
        "hooks.slack.com/services",
        "http://[",
        "http://a:b/",
    ],
)
def test_only_addresses_of_the_web_are_taken(url: str) -> None:
    with pytest.raises(Undeliverable, match=r"no https:// or http:// address") as caught:
        post(url, {}, NOWHERE)
    assert "etc" not in str(caught.value)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0",
        "[::1]", "[fd00::1]", "[fe80::1]", "[::ffff:10.0.0.1]", "[64:ff9b::a00:1]", "2130706433", "0x7f.1", "224.0.0.1",
    ],
)  # fmt: skip
def test_private_addresses_are_refused_however_they_are_spelled(host: str) -> None:
    with pytest.raises(Undeliverable, match="NOTIFICATION_HOSTS"):
        post(f"http://{host}:1/", {}, NOWHERE)


def test_a_private_address_is_not_even_connected_to(standin: FakeSlack) -> None:
    with pytest.raises(Undeliverable):
        post(standin.url, {}, NOWHERE)
    assert standin.asked == []


def test_a_name_that_changes_its_address_in_between_is_caught(standin: FakeSlack) -> None:
    class Changing(Reach):
        def check(self, host: str) -> None:
            """It was a public one a moment ago."""

    with pytest.raises(Undeliverable, match="NOTIFICATION_HOSTS"):
        post(standin.url, {}, Changing())
    assert standin.asked == []


def test_the_operator_may_allow_hosts_by_name(standin: FakeSlack) -> None:
    assert post(standin.url, {"text": "a"}, Reach(["chat.example.com", "127.*"])).text == "ok"


@pytest.mark.parametrize("trick", ["\\@", "@", "%2F@", "#@", "?@"])
def test_an_allowed_name_opens_no_other_address(standin: FakeSlack, trick: str) -> None:
    url = standin.url.replace("127.0.0.1", f"chat.invalid{trick}127.0.0.1")
    with pytest.raises((Undeliverable, InfrastructureError)):
        post(url, {}, Reach(["chat.invalid"]))
    assert standin.asked == []


def test_a_name_that_nobody_knows_may_be_known_later() -> None:
    with pytest.raises(InfrastructureError, match="cannot be resolved"):
        post("https://kontinuous.invalid/", {}, NOWHERE)


def test_an_answer_that_drips_is_cut_off() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        over = threading.Event()

        def drip() -> None:
            connection, _ = listener.accept()
            with closing(connection):
                while not over.wait(0.02):
                    try:
                        connection.sendall(b"H")
                    except OSError:
                        over.set()

        threading.Thread(target=drip, daemon=True).start()
        with pytest.raises(InfrastructureError, match="took too long"):
            post(f"http://127.0.0.1:{listener.getsockname()[1]}/", {}, Reach(["*"]), total_s=0.4)
        wait_for(over.is_set)


def test_broken_headers_bring_no_address_into_the_log(caplog: pytest.LogCaptureFixture) -> None:
    keep_addresses_out_of_the_log()
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with closing(connection):
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nbroken\r\n\r\nok")
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):  # to close before the whole request was read would reset the connection
                    pass

        threading.Thread(target=answer, daemon=True).start()
        assert post(f"http://127.0.0.1:{listener.getsockname()[1]}/secret", {}, Reach(["*"])).status == 200
    assert caplog.text == ""


def test_of_a_long_answer_only_the_beginning_is_read(standin: FakeSlack) -> None:
    standin.fail(400, "x" * 100_000)
    assert len(post(standin.url, {}, Reach(["*"])).text) == MOST_BYTES


def test_a_certificate_that_nobody_signed_is_no_connection(standin: FakeSlack) -> None:
    with pytest.raises(InfrastructureError, match=r"certificate|connection"):
        post(standin.url.replace("http:", "https:"), {}, Reach(["*"]))
