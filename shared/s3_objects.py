"""The ObjectStore port over S3, by way of `minio`."""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self, TypeVar, cast
from urllib.parse import urlsplit

from shared.errors import InputError, ObjectMissing, StoreError, StoreRefused
from shared.late_imports import imported_late
from shared.store_ports import ObjectInfo

if TYPE_CHECKING:
    from minio import Minio
    from minio.credentials.providers import Provider

T = TypeVar("T")

# More than half of minio's import is for what a put never needs, and hardly any call does: the administration client's
# libraries, and classes for logins, listings, queries and a bucket's settings, each of which takes up to 1 ms to make.
# The values are the constants that minio takes from these modules.
HARDLY_USED: dict[str, dict[str, object]] = {
    "certifi": {},
    "minio.commonconfig": {"COPY": "COPY", "REPLACE": "REPLACE"},
    "minio.credentials": {},
    "minio.credentials.providers": {},
    "minio.datatypes": {},
    "minio.deleteobjects": {},
    "minio.legalhold": {},
    "minio.lifecycleconfig": {},
    "minio.minioadmin": {},
    "minio.notificationconfig": {},
    "minio.objectlockconfig": {},
    "minio.replicationconfig": {},
    "minio.retention": {},
    "minio.select": {},
    "minio.sseconfig": {},
    "minio.tagging": {},
    "minio.versioningconfig": {},
    "tarfile": {},
    "urllib3.http2": {},
}

CONNECT_TIMEOUT_S = 3.0
ANSWER_TIMEOUT_S = 30.0

_READ_BYTES = 64 * 1024
_PART_BYTES = 8 * 1024 * 1024
_MOST_PARTS = 10_000
_MISSING = "NoSuchKey"
_PAST_END = "InvalidRange"
_PASSING = frozenset({"", "InternalError", "OperationAborted", "RequestTimeout", "ServiceUnavailable", "SlowDown"})


class S3Objects:
    """One bucket of an S3 server, for any number of threads. Nothing is connected before the first call."""

    def __init__(
        self, url: str, bucket: str, *, access_key: str, secret_key: str, region: str = "us-east-1",
        answer_timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> None:  # fmt: skip
        """`url` is the server's, as `http://minio:9000`; raises InputError where it is not one."""
        self._url = url
        self._bucket = bucket
        self._client = _client(url, access_key, secret_key, region, answer_timeout_s)

    def make_bucket(self) -> None:
        """Make the bucket unless it is there; raises StoreError."""

        def make() -> None:
            if not self._client.bucket_exists(bucket_name=self._bucket):
                self._client.make_bucket(bucket_name=self._bucket)

        self._do(make)

    def put(self, key: str, data: bytes) -> None:
        """Write an object whole; raises StoreError."""
        self._do(lambda: self._client.put_object(self._bucket, key, BytesIO(data), len(data), num_parallel_uploads=1))

    def put_file(self, key: str, path: Path) -> None:
        """Write an object from a file, 8 MiB at a time; raises StoreError, or OSError where the file cannot be read."""
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            part = max(_PART_BYTES, size // _MOST_PARTS + 1)
            put = self._client.put_object
            self._do(lambda: put(self._bucket, key, file, size, part_size=part, num_parallel_uploads=1))

    def read(self, key: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Yield an object's bytes from `offset`, at most `length`; raises ObjectMissing at once, or StoreError."""
        if length == 0:
            return
        try:
            response = self._do(lambda: self._client.get_object(self._bucket, key, offset=offset, length=length or 0))
        except _PastEndError:
            return
        try:
            stream = response.stream(_READ_BYTES)
            while data := self._do(lambda: next(stream, b"")):
                yield data
        finally:
            response.close()
            response.release_conn()

    def size(self, key: str) -> int:
        """An object's size in bytes; raises ObjectMissing, or StoreError."""
        return self._do(lambda: self._client.stat_object(self._bucket, key).size) or 0

    def list(self, prefix: str) -> tuple[ObjectInfo, ...]:
        """List all objects below `prefix`, in key order; raises StoreError."""
        found = self._do(lambda: [*self._client.list_objects(self._bucket, prefix=prefix, recursive=True)])
        infos = (ObjectInfo(str(item.object_name), item.size or 0) for item in found if not item.is_dir)
        return tuple(sorted(infos, key=lambda info: info.key))

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects; those that do not exist are passed over. Raises StoreError."""
        for key in keys:
            with suppress(ObjectMissing):
                self._remove(key)

    def _remove(self, key: str) -> None:
        self._do(lambda: self._client.remove_object(self._bucket, key))

    def _do(self, action: Callable[[], T]) -> T:
        from minio.error import InvalidResponseError, S3Error, ServerError
        from urllib3.exceptions import HTTPError

        try:
            return action()
        except S3Error as error:
            raise self._error(error.code or "", error.message or "") from error
        except InvalidResponseError as error:
            # rclone's errors are XML under another content type.
            raise self._error(_element(str(error), "Code"), _element(str(error), "Message") or str(error)) from error
        except (ServerError, HTTPError) as error:
            raise StoreError(f"S3 at {self._url} does not answer: {error}") from error

    def _error(self, code: str, message: str) -> Exception:
        if code == _MISSING:
            return ObjectMissing(f"there is no such object in S3 at {self._url}")
        said = f"S3 at {self._url} answers {code}: {message} (bucket {self._bucket})"
        if code == _PAST_END:
            return _PastEndError(said)
        return StoreError(said) if code in _PASSING else StoreRefused(said)


class _PastEndError(StoreError):
    """A range was asked for that begins behind the object's end."""


def _element(text: str, name: str) -> str:
    found = re.search(f"<{name}>(.*?)</{name}>", text)
    return found[1] if found else ""


class _Login(NamedTuple):
    """What minio calls a provider of credentials, and the credentials: its own come with six other ways to log in."""

    access_key: str
    secret_key: str
    session_token: None = None

    def retrieve(self) -> Self:
        return self


def _client(url: str, access_key: str, secret_key: str, region: str, answer_timeout_s: float) -> "Minio":
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/"):
        raise InputError(f"{url!r} is no address of an S3 server; it has the form http://host:port")
    with imported_late(HARDLY_USED):
        import urllib3
        from minio import Minio

    secure = parts.scheme == "https"
    pool = urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=answer_timeout_s),
        retries=urllib3.Retry(total=1, backoff_factor=0.2),
        cert_reqs="CERT_REQUIRED",
        ca_certs=_authorities() if secure else None,
        maxsize=10,
    )
    login = cast("Provider", _Login(access_key, secret_key)) if access_key else None
    return Minio(parts.netloc, secure=secure, region=region, http_client=pool, credentials=login)


def _authorities() -> str:
    import certifi

    return os.environ.get("SSL_CERT_FILE") or certifi.where()
