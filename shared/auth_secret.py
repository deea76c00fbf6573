"""AuthSecret, with which tokens of the API are signed: base64 of at least MIN_AUTH_SECRET_BYTES random bytes."""

from shared.base64_text import decode_base64
from shared.errors import InputError

MIN_AUTH_SECRET_BYTES = 32  # RFC 7518 section 3.2: a key for HS256 has at least the hash's 256 bits


def read_auth_secret(text: str) -> bytes:
    """The key in a text as `decode_base64` takes it; raises InputError, which does not show it."""
    try:
        secret = decode_base64(text)
    except ValueError as error:
        raise InputError(f"AuthSecret is not base64: {error}") from error
    if len(secret) < MIN_AUTH_SECRET_BYTES:
        raise InputError(f"AuthSecret has {len(secret)} bytes, and HS256 wants {MIN_AUTH_SECRET_BYTES} or more")
    return secret
