"""The builder's certificates, as openssl and Python's strict verification see them."""

import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

import pytest

from coordinator.setup.certificates import KeyPair, make_authority, make_client, make_server
from shared.errors import InputError
from tests.free_port import free_port

HOSTS = ("builder.kontinuous-builder.svc", "builder.kontinuous-builder")
# Python 3.13 verifies like this by default; older ones when asked to.
STRICT = ssl.VERIFY_X509_STRICT
HANDSHAKE_S = 10


@pytest.fixture(scope="module")
def authority() -> KeyPair:
    return make_authority("an authority")


@pytest.fixture(scope="module")
def server(authority: KeyPair) -> KeyPair:
    return make_server(authority, HOSTS)


@pytest.fixture(scope="module")
def client(authority: KeyPair) -> KeyPair:
    return make_client(authority, "kontinuous")


def openssl(*arguments: str) -> str:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def written(pair: KeyPair, folder: Path, name: str) -> tuple[str, str]:
    paths = folder / f"{name}.pem", folder / f"{name}-key.pem"
    for path, text in zip(paths, (pair.certificate, pair.key), strict=True):
        path.write_text(text)
    return str(paths[0]), str(paths[1])


@pytest.mark.parametrize(("name", "purpose", "passes"), [
    ("server", "sslserver", True),
    ("client", "sslclient", True),
    ("server", "sslclient", False),
    ("client", "sslserver", False),
])  # fmt: skip
def test_each_is_good_for_its_own_purpose_alone(
    authority: KeyPair, request: pytest.FixtureRequest, tmp_path: Path, name: str, purpose: str, passes: bool
) -> None:
    ca, _ = written(authority, tmp_path, "ca")
    leaf, _ = written(request.getfixturevalue(name), tmp_path, name)
    said = openssl("verify", "-x509_strict", "-purpose", purpose, "-CAfile", ca, leaf)
    assert said.endswith(": OK\n") is passes, said


def test_the_authority_may_sign_and_do_nothing_else(authority: KeyPair, tmp_path: Path) -> None:
    said = openssl("x509", "-noout", "-ext", "keyUsage,basicConstraints", "-in", written(authority, tmp_path, "ca")[0])
    assert "X509v3 Key Usage: critical\n    Certificate Sign, CRL Sign" in said
    assert "CA:TRUE, pathlen:0" in said


def test_it_is_valid_for_years_and_already_for_a_clock_that_is_late(server: KeyPair, tmp_path: Path) -> None:
    path, _ = written(server, tmp_path, "server")
    nine_years = 9 * 365 * 24 * 3600
    assert "will not expire" in openssl("x509", "-checkend", str(nine_years), "-in", path)
    begins = openssl("x509", "-noout", "-startdate", "-in", path).strip().removeprefix("notBefore=")
    assert ssl.cert_time_to_seconds(begins) < time.time() - 300


@pytest.mark.parametrize("host", [*HOSTS, "127.0.0.1"])
def test_client_and_server_take_each_other(
    authority: KeyPair, server: KeyPair, client: KeyPair, tmp_path: Path, host: str
) -> None:
    assert handshake(authority, server, authority, client, host, tmp_path) == "kontinuous"


def test_a_server_of_another_name_is_refused(
    authority: KeyPair, server: KeyPair, client: KeyPair, tmp_path: Path
) -> None:
    with pytest.raises(ssl.SSLError, match="Hostname mismatch"):
        handshake(authority, server, authority, client, "etcd.kontinuous.svc", tmp_path)


def test_a_client_of_another_authority_is_refused(authority: KeyPair, server: KeyPair, tmp_path: Path) -> None:
    stranger = make_client(make_authority("an authority"), "kontinuous")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        handshake(authority, server, authority, stranger, HOSTS[0], tmp_path)


def test_a_server_of_another_authority_is_refused(authority: KeyPair, client: KeyPair, tmp_path: Path) -> None:
    other = make_authority("an authority")
    with pytest.raises(ssl.SSLError, match="certificate verify failed"):
        handshake(other, make_server(other, HOSTS), authority, client, HOSTS[0], tmp_path)


def test_an_authority_that_is_not_ours_is_named(tmp_path: Path) -> None:
    command = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x")
    openssl(*command, "-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "ca.pem"))
    pair = KeyPair((tmp_path / "ca.pem").read_text(), (tmp_path / "key.pem").read_text())
    with pytest.raises(InputError, match="authority"):
        make_client(pair, "kontinuous")


def handshake(
    servers: KeyPair, server: KeyPair, clients: KeyPair, client: KeyPair, host: str, folder: Path
) -> str:  # fmt: skip
    """The name by which the server knows the client, after both have verified each other; raises SSLError."""
    accepting = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=servers.certificate)
    accepting.verify_mode = ssl.CERT_REQUIRED
    calling = ssl.create_default_context(cadata=clients.certificate)
    for context, pair, name in ((accepting, server, "server"), (calling, client, "client")):
        context.verify_flags |= STRICT
        context.load_cert_chain(*written(pair, folder, name))
    with socket.create_server(("127.0.0.1", free_port())) as listener:
        listener.settimeout(HANDSHAKE_S)
        thread = threading.Thread(target=_greet, args=(listener, accepting))
        thread.start()
        try:
            with (
                socket.create_connection(listener.getsockname(), HANDSHAKE_S) as plain,
                calling.wrap_socket(plain, server_hostname=host) as secure,
            ):
                return secure.recv(100).decode()
        finally:
            thread.join()


def _greet(listener: socket.socket, context: ssl.SSLContext) -> None:
    """Tell one client the name that its certificate has."""
    plain, _ = listener.accept()
    with plain:
        try:
            secure = context.wrap_socket(plain, server_side=True)
        except (ssl.SSLError, ConnectionError):
            return
        with secure:
            subject = dict(pair[0] for pair in (secure.getpeercert() or {})["subject"])
            secure.sendall(subject["commonName"].encode())
