"""An authority of certificates that is not public: one variable for all that speak TLS."""

from collections.abc import MutableMapping


def trust_given_authority(environment: MutableMapping[str, str]) -> None:
    """Let requests to GitHub and to whoever is notified trust what SSL_CERT_FILE names, as those to S3 do."""
    if "SSL_CERT_FILE" in environment:
        environment.setdefault("REQUESTS_CA_BUNDLE", environment["SSL_CERT_FILE"])
