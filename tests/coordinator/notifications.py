"""Builds that tell somebody, for the tests of notifications."""

from dataclasses import replace
from typing import Any

from coordinator.announcements import Announcement
from coordinator.notices import Event
from shared.clock import timestamp
from shared.model import Build, Notification
from shared.status import Fault, Status
from tests.coordinator.samples import build, with_attempt

LINK = "http://127.0.0.1:3005/builds/local/ab12/hello/3"


def telling(*notifications: Notification, **changes: Any) -> Build:
    """A build just created, that tells these."""
    made = build(created_at=timestamp(), **changes)
    return replace(made, pipeline=replace(made.pipeline, notif=notifications))


def slack(url: str, secret: str | None = None, **metadata: str) -> Notification:
    """An entry of `notif`."""
    return Notification("slack", secret, {"url": url, **metadata})


def succeeded(now: Build) -> Build:
    """The build after its success."""
    for stage in now.stages:
        now = with_attempt(now, stage.id, status=Status.SUCCESS)
    return replace(now, finished_at=now.created_at)


def failed(now: Build) -> Build:
    """The build after the failure of its first stage."""
    now = with_attempt(now, "build", status=Status.FAIL, fault=Fault.USER, reason="exit code 1")
    stages = (now.stages[0], replace(now.stages[1], skipped="'Build' failed"))
    return replace(now, stages=stages, finished_at=now.created_at, reason="Build: exit code 1")


def message(**changes: Any) -> Announcement:
    """An announcement."""
    made = Announcement(Event.FAILURE, "hello 3 failed", LINK, (("Branch", "main"),), ("last words",))
    return replace(made, **changes)
