"""One run of the image under proof, in one of several situations, and all that was seen of it from outside."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.status import ReportStatus

UNFINISHED = ReportStatus.RUNNING.value
PROBE = "CONFORMANCE_SECRET"
"""The param that every trial gets; its value is the key of a secret."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What a trial is put into. `version` is the context's; `taken`: another pod has the attempt; `silent` names the
    service that does not answer meanwhile; `stopped`: SIGTERM comes once the stage has reported RUNNING."""

    name: str
    version: int = 1
    taken: bool = False
    silent: str = ""
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Trial:
    """What was seen. `reports` are all values of the report key, oldest first, but for the one that was there before;
    `archive` is None where there is none; `objects` are all keys below the attempt's prefix.

    `stopped_within_s` is how long it took to end after SIGTERM; None where none was sent, since it had ended before.
    `exit_code` is None where it did not end within the limit.
    """

    exit_code: int | None
    stdout: bytes
    reports: tuple[bytes, ...]
    archive: bytes | None
    objects: tuple[str, ...]
    stopped_within_s: float | None = None

    @property
    def last(self) -> Mapping[str, Any]:
        """The newest report as it is, {} where there is none or it is no JSON object."""
        return as_object(self.reports[-1]) if self.reports else {}

    @property
    def first(self) -> Mapping[str, Any]:
        """The first report, likewise."""
        return as_object(self.reports[0]) if self.reports else {}

    @property
    def status(self) -> str:
        """The status of the newest report, or ""."""
        return str(self.last.get("status", ""))


def as_object(data: bytes) -> Mapping[str, Any]:
    """A report as it is, {} where it is no JSON object."""
    try:
        value = json.loads(data)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
