"""Access tokens of source hosts, encrypted: at rest, where a pipeline acts with the token of who created it, and inside
the JSON Web Tokens of logins.

AES-256-GCM with a key derived from AuthSecret (HKDF-SHA256, RFC 5869). Whose the value is, a repository's or a login's,
and what it is for are bound in: copied to another pipeline's record, or to another field, it opens nothing.
"""

import base64
import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from coordinator.links import github_host
from coordinator.settings import Settings
from coordinator.store import BuildStore
from shared import keys
from shared.errors import InputError, NotFound
from shared.model import Build, Repository

GIT_TOKEN_USER = "x-access-token"
"""The user name that GitHub wants of git beside a token as password."""
HOOK_SECRET = "webhook"
ACCESS_TOKEN = "token"
IDENTITY = "identity"
"""What a value is for."""
_VERSION = "v1."
_NONCE_BYTES = 12


class TokenVault:
    """Encrypts and decrypts what pipelines and logins keep secret."""

    def __init__(self, auth_secret: bytes) -> None:
        key = HKDF(SHA256(), 32, salt=None, info=b"kontinuous: stored access tokens").derive(auth_secret)
        self._cipher = AESGCM(key)

    def seal(self, repository: Repository, value: str, purpose: str = ACCESS_TOKEN) -> str:
        """Encrypt a value for the record of one repository."""
        return self._seal(f"{purpose} {repository}", value)

    def open(self, repository: Repository, sealed: str, purpose: str = ACCESS_TOKEN) -> str:
        """Decrypt what `seal` made; raises InputError where AuthSecret is another by now."""
        try:
            return self._open(f"{purpose} {repository}", sealed)
        except (ValueError, InvalidTag) as error:
            raise InputError(
                f"the {purpose} stored for {repository} cannot be read, as when AuthSecret was changed: "
                "create the pipeline again, which gives it another"
            ) from error

    def seal_identity(self, login: str, access_token: str) -> str:
        """Encrypt somebody's access token for their JSON Web Token."""
        return self._seal(f"{IDENTITY} {login}", access_token)

    def open_identity(self, login: str, sealed: str) -> str:
        """Decrypt what `seal_identity` made for the same login; raises InputError for anything else."""
        try:
            return self._open(f"{IDENTITY} {login}", sealed)
        except (ValueError, InvalidTag) as error:
            raise InputError("the access token in it cannot be decrypted") from error

    def _seal(self, bound: str, value: str) -> str:
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, value.encode(), bound.encode())
        return _VERSION + base64.b64encode(nonce + sealed).decode()

    def _open(self, bound: str, sealed: str) -> str:
        data = base64.b64decode(sealed.removeprefix(_VERSION), validate=True)
        return self._cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], bound.encode()).decode()


class Tokens:
    """The tokens that pipelines act with. Only repositories on GitHub have one: a local folder needs none."""

    def __init__(self, store: BuildStore, settings: Settings) -> None:
        self._store = store
        self._vault = TokenVault(settings.auth_secret)
        self._host = github_host(settings.github_url)

    def sealed(self, repository: Repository, token: str) -> str:
        """What a new pipeline's record keeps of its creator's token."""
        return self._vault.seal(repository, token) if repository.host == self._host else ""

    def sealed_hook_secret(self, repository: Repository, secret: str) -> str:
        """What a new pipeline's record keeps of its webhook's secret."""
        return self._vault.seal(repository, secret, HOOK_SECRET)

    def hook_secret(self, repository: Repository) -> str:
        """What a pipeline's webhook signs with, or "" where it has none; raises NotFound, InputError, StoreError."""
        sealed = self._store.pipeline(repository).hook_secret
        return self._vault.open(repository, sealed, HOOK_SECRET) if sealed else ""

    def of(self, repository: Repository) -> str:
        """A pipeline's token, or "" where it has none; raises NotFound, InputError, StoreError."""
        sealed = self._store.pipeline(repository).token
        return self._vault.open(repository, sealed) if sealed else ""

    def lane(self, repository: Repository) -> str:
        """A name for what a pipeline does with the token that it has now: one that was renewed has another.

        Raises StoreError.
        """
        try:
            sealed = self._store.pipeline(repository).token
        except NotFound:
            sealed = ""
        return f"{repository} {hashlib.sha256(sealed.encode()).hexdigest()}"

    def credentials(self, build: Build) -> dict[str, str]:
        """The files of the stage contract that hold a build's token: for commit statuses, and for the clone.

        A build of a fork's commit gets none: somebody wrote it who may not write to the repository.
        """
        token = "" if build.fork else self.of(build.repository)
        if not token:
            return {}
        return {keys.GITHUB_TOKEN: token, keys.GIT_USER: GIT_TOKEN_USER, keys.GIT_PASSWORD: token}
