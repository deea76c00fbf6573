"""Mail, Microsoft Teams and Discord, through apprise, whose addresses say all there is to say.

Such an address comes from whoever wrote the pipeline file, and apprise would do much for it: read files of ours, follow
redirects, trust any certificate, try for hours. So each type has the few schemes and parameters that it may have, and
all else is refused. apprise is an optional extra, imported with the first message.
"""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from coordinator.announcements import Announcement, Undeliverable
from coordinator.notices import Event
from coordinator.reach import Reach
from coordinator.webhook import TIMEOUTS_S, TOTAL_S
from shared.errors import InfrastructureError
from shared.stage_types import DISCORD, MAIL, TEAMS


@dataclass(frozen=True, slots=True)
class Allowed:
    """What an address of one type may have: one of these schemes, once apprise has read it, and these parameters.

    `hosts` are the attributes of apprise's object that name the host that is spoken to, of which the first that is set
    counts; none where it is always the service's own.
    """

    schemes: frozenset[str]
    parameters: frozenset[str]
    hosts: tuple[str, ...] = ()


SERVICES: Mapping[str, Allowed] = {
    MAIL: Allowed(
        frozenset({"mailto", "mailtos"}),
        frozenset({"to", "from", "name", "cc", "bcc", "reply", "smtp", "mode", "user", "pass"}),
        ("smtp_host", "host"),
    ),
    TEAMS: Allowed(
        frozenset({"workflow", "workflows"}), frozenset({"api-version", "id", "sp", "sv", "sig"}), ("host",)
    ),
    DISCORD: Allowed(frozenset({"discord"}), frozenset({"thread"})),
}
_TYPES = {Event.START: "info", Event.SUCCESS: "success", Event.FAILURE: "failure", Event.CANCELLED: "warning"}
_MENTION = re.compile(r"@(?=\w)")


class AppriseService:
    """Sends announcements of one type of SERVICES."""

    def __init__(self, kind: str, reach: Reach) -> None:
        self._allowed = SERVICES[kind]
        self._reach = reach

    def send(self, announcement: Announcement, metadata: Mapping[str, str]) -> None:
        """Send it; apprise says yes or no, so that every no is tried again."""
        service = self._service(metadata["url"])
        host = next(filter(None, (getattr(service, name, None) for name in self._allowed.hosts)), None)
        if host:
            self._reach.check(host)
        if not _notify(service, announcement):
            raise InfrastructureError("the service did not take the message")

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
        service.socket_connect_timeout, service.socket_read_timeout = TIMEOUTS_S
        service.redirects = False
        return service


def body(announcement: Announcement) -> str:
    """The message as plain text; an @ that could be a mention is followed by a space of no width."""
    facts = [f"{name}: {value}" for name, value in announcement.facts]
    log = ["", *announcement.log] if announcement.log else []
    said = _MENTION.sub("@\u200b", "\n".join([*facts, *log]))
    return "\n\n".join(filter(None, (said, announcement.link)))


def _notify(service: Any, announcement: Announcement) -> bool:
    sender = _apprise().Apprise(asset=_asset())
    sender.add(service)
    try:
        return bool(
            sender.notify(
                title=announcement.title,
                body=body(announcement),
                notify_type=_TYPES[announcement.event],
                body_format="text",
                interpret_escapes=False,
            )
        )
    except Exception as error:  # of the many services' code; its text may hold the address
        raise InfrastructureError(f"apprise failed ({type(error).__name__})") from None


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
