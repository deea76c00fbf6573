"""Telling somebody of a build: the values of `notif`, from the file or a Secret, and the message to its service."""

from collections.abc import Mapping

from coordinator.announcements import Announcement, Notifier, Undeliverable, announcement, failed_stage
from coordinator.log_reader import LogReader
from coordinator.log_tail import last_lines
from coordinator.notices import Event, Notice, notification_of
from shared.errors import InputError
from shared.model import Build, Notification
from shared.ports import SecretReader


class Teller:
    """Sends one notice. `notifiers` are by the type in the pipeline file."""

    def __init__(
        self,
        kontinuous_url: str,
        notifiers: Mapping[str, Notifier],
        secrets: SecretReader,
        logs: LogReader,
    ) -> None:
        self._kontinuous_url = kontinuous_url
        self._notifiers = notifiers
        self._secrets = secrets
        self._logs = logs

    def tell(self, build: Build, notice: Notice) -> None:
        """Send a notice to whom it is for. Raises as a Notifier does, and InputError for what a Secret lacks."""
        notification = notification_of(build, notice)
        notifier = self._notifiers.get(notification.type)
        if notifier is None:
            raise Undeliverable(f"this kontinuous sends nothing of the type {notification.type!r}")
        metadata = _resolved(notification, build.pipeline.namespace, self._secrets)
        notifier.send(self._message(build, notice), metadata)

    def _message(self, build: Build, notice: Notice) -> Announcement:
        stage = failed_stage(build) if notice.event is Event.FAILURE else None
        log = last_lines(self._logs, build, stage) if stage else ()
        return announcement(build, notice, self._kontinuous_url, log)


def _resolved(notification: Notification, namespace: str, secrets: SecretReader) -> Mapping[str, str]:
    """The values of the metadata; with a secret, each is the key in it. No error names a value."""
    if not notification.secret:
        return notification.metadata
    data = secrets.read_secret(namespace, notification.secret)
    return {name: _value(data, key, notification.secret, namespace) for name, key in notification.metadata.items()}


def _value(data: Mapping[str, bytes], key: str, secret: str, namespace: str) -> str:
    if key not in data:
        raise InputError(f"the Secret {secret!r} in namespace {namespace!r} has no key {key!r}")
    try:
        return data[key].decode().strip()
    except UnicodeDecodeError:
        raise InputError(f"{key!r} in the Secret {secret!r} in namespace {namespace!r} is no text") from None
