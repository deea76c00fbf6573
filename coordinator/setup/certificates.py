"""The builder's certificates: an authority of its own, the engine's certificate and the client's.

Made with `cryptography`, so that no key touches a disk on its way into its Secret. The extensions are those that
Python 3.13, the strictest of the clients, insists on (ssl.VERIFY_X509_STRICT).
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from shared.clock import utc_now
from shared.errors import InputError

VALID_FOR = datetime.timedelta(days=3650)
CLOCK_SKEW = datetime.timedelta(minutes=10)
MAX_COMMON_NAME = 64  # RFC 5280, ub-common-name; clients look at the alternative names, which have no such limit
LOOPBACK = x509.IPAddress(IPv4Address("127.0.0.1"))

Extensions = Sequence[tuple[x509.ExtensionType, bool]]
"""Each extension, and whether it is critical."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate and its private key, both PEM."""

    certificate: str
    key: str = field(repr=False)


def make_authority(name: str) -> KeyPair:
    """A self-signed authority that may sign certificates, and no further authorities."""
    key = generate_private_key(SECP256R1())
    extensions = ((x509.BasicConstraints(ca=True, path_length=0), True), (_usage(signs=True), True))
    return _signed(name, key, _name(name), key, extensions)


def make_server(authority: KeyPair, hosts: Sequence[str]) -> KeyPair:
    """A certificate for a server that is reached by any of `hosts`, and by 127.0.0.1; named after the first."""
    names = x509.SubjectAlternativeName([*(x509.DNSName(host) for host in hosts), LOOPBACK])
    return _leaf(authority, hosts[0], ExtendedKeyUsageOID.SERVER_AUTH, ((names, False),))


def make_client(authority: KeyPair, name: str) -> KeyPair:
    """A certificate by which a client is let in; whoever has it has the engine."""
    return _leaf(authority, name, ExtendedKeyUsageOID.CLIENT_AUTH, ())


def _leaf(authority: KeyPair, name: str, purpose: x509.ObjectIdentifier, more: Extensions) -> KeyPair:
    issuer = x509.load_pem_x509_certificate(authority.certificate.encode())
    issuer_key = load_pem_private_key(authority.key.encode(), None)
    if not isinstance(issuer_key, EllipticCurvePrivateKey):
        raise InputError("the builder's authority has a key that is no elliptic curve's: it is not one of kontinuous")
    extensions = (
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_usage(signs=False), True),
        (x509.ExtendedKeyUsage([purpose]), False),
        *more,
    )
    return _signed(name, generate_private_key(SECP256R1()), issuer.subject, issuer_key, extensions)


def _signed(
    name: str,
    key: EllipticCurvePrivateKey,
    issuer: x509.Name,
    issuer_key: EllipticCurvePrivateKey,
    extensions: Extensions,
) -> KeyPair:
    now = utc_now()
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + VALID_FOR)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    certificate = builder.sign(issuer_key, SHA256())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return KeyPair(certificate.public_bytes(Encoding.PEM).decode(), pem.decode())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:MAX_COMMON_NAME])])


def _usage(*, signs: bool) -> x509.KeyUsage:
    """An authority signs certificates and revocation lists, every other certificate proves who it is."""
    return x509.KeyUsage(
        digital_signature=not signs, key_cert_sign=signs, crl_sign=signs,
        content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
