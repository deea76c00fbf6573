"""Mail, Microsoft Teams and Discord, through apprise, whose addresses say all there is to say.

Such an address comes from whoever wrote the pipeline file, and apprise would do much for it: read files of ours, follow
redirects, trust any certificate, try for hours. So each type has the few schemes and parameters that it may have, and
all else is refused. apprise is an optional extra, imported with the first message.
"""

import logging
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from coordinator.announcements import Announcement, Undeliverable
from coordinator.notices import Event
from coordinator.reach import Reach
from coordinator.webhook import TIMEOUTS_S, TOTAL_S
from coordinator.wording import CODE, PLAIN, Wording
from shared.errors import InfrastructureError
from shared.stage_types import DISCORD, MAIL, TEAMS


@dataclass(frozen=True, slots=True)
class Allowed:
    """What an address of one type may have: one of these schemes, once apprise has read it, and these parameters.

    `hosts` are the attributes of apprise's object that name the host that is spoken to, of which the first that is set
    counts; none where it is always the service's own. `wording` is how its messages are written.
    """

    schemes: frozenset[str]
    parameters: frozenset[str]
    hosts: tuple[str, ...] = ()
    wording: Wording = PLAIN


SERVICES: Mapping[str, Allowed] = {
    MAIL: Allowed(
        frozenset({"mailto", "mailtos"}),
        frozenset({"to", "from", "name", "cc", "bcc", "reply", "smtp", "mode", "user", "pass"}),
        ("smtp_host", "host"),
    ),
    TEAMS: Allowed(
        frozenset({"workflow", "workflows"}), frozenset({"api-version", "id", "sp", "sv", "sig"}), ("host",)
    ),
    DISCORD: Allowed(frozenset({"discord"}), frozenset({"thread"}), wording=CODE),
}
_TYPES = {Event.START: "info", Event.SUCCESS: "success", Event.FAILURE: "failure", Event.CANCELLED: "warning"}


class AppriseService:
    """Sends announcements of one type of SERVICES."""

    def __init__(self, kind: str, reach: Reach, timeouts_s: tuple[float, float] = TIMEOUTS_S) -> None:
        """`timeouts_s` are those to connect, and for each part of an answer; mail has the first for both."""
        self._kind = kind
        self._allowed = SERVICES[kind]
        self._reach = reach
        self._timeouts_s = timeouts_s

    def send(self, announcement: Announcement, metadata: Mapping[str, str]) -> None:
        """Send it; apprise says yes or no. A no is tried again, but for one after which the message may have come, if
        only to some: that is Undeliverable."""
        service = self._service(metadata["url"])
        host = next(filter(None, (getattr(service, name, None) for name in self._allowed.hosts)), None)
        if host:
            self._reach.check(host)
        handed = _watched(service)
        began_s = time.monotonic()
        try:
            _notify(service, announcement, self._allowed.wording)
        except InfrastructureError as error:
            if self._may_have_come(service, bool(handed), time.monotonic() - began_s):
                raise Undeliverable(f"{error}; but it may have come, if only to some, and is not sent twice") from None
            raise

    def _may_have_come(self, service: Any, handed: bool, took_s: float) -> bool:
        # A refusal comes at once. After TOTAL_S apprise has given up waiting for its own thread, which goes on.
        connect_s, answer_s = self._timeouts_s
        if self._kind != MAIL:
            return took_s >= answer_s
        several = len(service.targets) + len(service.cc) + len(service.bcc) > 1
        return took_s >= TOTAL_S or (handed and (several or took_s >= connect_s))

    def _service(self, url: str) -> Any:
        """What apprise makes of an address, with our own limits; raises Undeliverable."""
        given = {unquote(name).strip().lower() for name in re.findall(r"[?&;]([^=&;?#]*)", url)}
        if given - self._allowed.parameters:
            raise Undeliverable(
                f"its `url` may have these parameters only: {', '.join(sorted(self._allowed.parameters))}"
            )
        service = _apprise().Apprise.instantiate(url, asset=_asset())
        schemes = set() if service is None else {*_words(service.protocol), *_words(service.secure_protocol)}
        if not schemes & self._allowed.schemes:
            raise Undeliverable(f"its `url` is no address with {' or '.join(sorted(self._allowed.schemes))}://")
        service.socket_connect_timeout, service.socket_read_timeout = self._timeouts_s
        service.redirects = False
        service.throttle = _without_waiting
        return service


def _without_waiting(*_: Any, **__: Any) -> None:
    """Instead of apprise's wait for a service that limits us: it would pass for an answer that does not come."""


def _watched(service: Any) -> Sequence[str]:
    """The recipients of a mail that apprise has begun to send to, as they become known: it asks before each whether
    they have it already, once it is logged in; it also asks so for the whole, by a key that is no text."""
    handed: list[str] = []

    def is_delivered(key: Any, per_message: bool = False) -> bool:
        if isinstance(key, str) and not per_message:
            handed.append(key)
        return False

    service.is_delivered = is_delivered
    return handed


def _notify(service: Any, announcement: Announcement, wording: Wording) -> None:
    sender = _apprise().Apprise(asset=_asset())
    sender.add(service)
    title = wording.quoted(announcement.title)
    before = len(f"{title}\r\n") if service.overflow_amalgamate_title else 0  # what is sent as part of the body
    try:
        taken = sender.notify(
            title=title,
            body=wording.body(announcement, service.body_maxlen - before),
            notify_type=_TYPES[announcement.event],
            body_format="text",
            interpret_escapes=False,
        )
    except Exception as error:  # of the many services' code; its text may hold the address
        raise InfrastructureError(f"apprise failed ({type(error).__name__})") from None
    if not taken:
        raise InfrastructureError("the service did not take the message")


def _apprise() -> Any:
    try:
        import apprise
    except ImportError:
        raise Undeliverable("this kontinuous has no apprise: install it with kontinuous[apprise]") from None
    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it names addresses
    return apprise


def _asset() -> Any:
    """apprise's settings: nothing is kept on a disk."""
    return _apprise().AppriseAsset(
        app_id="kontinuous", storage_mode="memory", secure_logging=True, service_timeout=TOTAL_S
    )


def _words(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value or ())
