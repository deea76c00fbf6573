"""Which authority of certificates requests to GitHub trust."""

from coordinator.authority import trust_given_authority


def test_the_file_for_s3_holds_for_all_unless_there_is_another() -> None:
    given = {"SSL_CERT_FILE": "/ca.pem"}
    trust_given_authority(given)
    assert given["REQUESTS_CA_BUNDLE"] == "/ca.pem"
    given = {"SSL_CERT_FILE": "/ca.pem", "REQUESTS_CA_BUNDLE": "/other.pem"}
    trust_given_authority(given)
    assert given["REQUESTS_CA_BUNDLE"] == "/other.pem"
    none: dict[str, str] = {}
    trust_given_authority(none)
    assert none == {}
