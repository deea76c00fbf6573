"""Wall-clock times as every record of ours carries them: UTC ISO-8601 with milliseconds and a `Z`."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """The time now, aware and in UTC."""
    return datetime.now(UTC)


def timestamp(moment: datetime | None = None) -> str:
    """Spell a moment (default: now) as `2026-01-31T12:00:00.000Z`."""
    return (moment or utc_now()).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds_between(start: str, end: str) -> float | None:
    """Seconds from one timestamp to another; None where either is "" (it has not happened)."""
    if not start or not end:
        return None
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
