"""Random passwords, and the file in which a registry or a web server keeps them."""

import base64
import secrets

PASSWORD_BYTES = 24
AUTH_SECRET_BYTES = 32
# The passwords are long and random, so that a costly hash would only make each request slow.
BCRYPT_ROUNDS = 4


def random_password() -> str:
    """A password of 32 letters, digits, dashes and underscores."""
    return secrets.token_urlsafe(PASSWORD_BYTES)


def random_access_key() -> str:
    """A user name for S3: 20 hexadecimal digits."""
    return secrets.token_hex(10)


def random_auth_secret() -> str:
    """A key for signing tokens, in base64."""
    return base64.b64encode(secrets.token_bytes(AUTH_SECRET_BYTES)).decode()


def htpasswd(user: str, password: str) -> str:
    """The content of a password file for one user, hashed with bcrypt."""
    import bcrypt

    return f"{user}:{bcrypt.hashpw(password.encode(), bcrypt.gensalt(BCRYPT_ROUNDS)).decode()}\n"


def htpasswd_fits(content: str, user: str, password: str) -> bool:
    """Whether a password file is one for just this user and password."""
    import bcrypt

    known, _, digest = content.strip().partition(":")
    try:
        return known == user and bcrypt.checkpw(password.encode(), digest.encode())
    except ValueError:  # no bcrypt hash
        return False
