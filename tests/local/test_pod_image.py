"""What an engine says of a pull is sorted under Kubernetes' reasons; the words are those of real engines."""

import pytest

from local.image_pull import explain, with_tag


@pytest.mark.parametrize(
    ("words", "status", "reason", "permanent"),
    [
        ("manifest for localhost:5000/a:1 not found: manifest unknown: manifest unknown", 404, "ErrImagePull", True),
        (
            "pull access denied for a/b, repository does not exist or may require 'docker login'",
            404,
            "ErrImagePull",
            True,
        ),
        ('Head "http://localhost:5000/v2/a/manifests/1": no basic auth credentials', 500, "ErrImagePull", True),
        ("no matching manifest for linux/arm64/v8 in the manifest list entries", 0, "ErrImagePull", True),
        ("invalid reference format: repository name must be lowercase", 400, "InvalidImageName", True),
        ('Get "https://quay.io/v2/": dial tcp: lookup quay.io: no such host', 500, "RegistryUnavailable", False),
        (
            'Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused',
            500,
            "RegistryUnavailable",
            False,
        ),
        ("net/http: TLS handshake timeout", 500, "RegistryUnavailable", False),
        ("toomanyrequests: You have reached your pull rate limit", 500, "RegistryUnavailable", False),
        ("received unexpected HTTP status: 503 Service Unavailable", 500, "RegistryUnavailable", False),
    ],
)
def test_words_have_their_reason(words: str, status: int, reason: str, permanent: bool) -> None:
    verdict = explain("a:1", words, status)
    assert (verdict.reason, verdict.permanent) == (reason, permanent)
    assert "a:1" in verdict.message
    assert words in verdict.message


@pytest.mark.parametrize(
    ("image", "pulled"),
    [("a", "a:latest"), ("h:5000/a", "h:5000/a:latest"), ("h:5000/a:1", "h:5000/a:1"), ("a@sha256:0", "a@sha256:0")],
)
def test_never_all_tags_of_an_image_are_pulled(image: str, pulled: str) -> None:
    assert with_tag(image) == pulled
