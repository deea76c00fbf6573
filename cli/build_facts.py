"""A build for people: where it comes from, how it ended and why, its stages, and who could not be told."""

from cli.facts import Fact, facts
from cli.records import name_of
from cli.summary import published, published_images, stage_table, untold
from cli.table import moment, seconds
from shared.api_records import Build, NotificationProblem, Resumption, Stage
from shared.status import Status
from shared.terminal_text import clean


def build_facts(build: Build) -> list[str]:
    """All lines about a build."""
    told = (stage for stage in build["stages"] if _news(stage))
    return [*facts(_head(build)), "", *stage_table(build), *(line for stage in told for line in ("", *_news(stage)))]


def _head(build: Build) -> list[Fact]:
    commit, trigger = build["commit"], build["trigger"]
    took = f" in {seconds(build['seconds'])} s" if build["seconds"] is not None else ""
    asked = " (its end is asked for)" if build["cancel_requested"] and not build["finished_at"] else ""
    by = f" by {trigger['actor']}" if trigger["actor"] else ""
    return [
        ("Build", str(name_of(build))),
        ("Status", f"{build['status']}{took}{asked}"),
        ("Reason", build["reason"]),
        ("Pipeline", f"{build['pipeline']}, in namespace {build['namespace']}"),
        ("Commit", f"{commit['sha']} {commit['branch']}".rstrip()),
        ("Author", commit["author"]),
        ("Message", commit["message"].partition("\n")[0]),
        ("Started", f"{moment(build['created_at'])} UTC, {trigger['source']}{by}"),
        *(("Resumed", _resumed(each)) for each in build["resumptions"]),
        ("Ended", f"{moment(build['finished_at'])} UTC" if build["finished_at"] else ""),
        *(("Published", published(image)) for image in published_images(build)),
        *(("Not told", _untold(problem)) for problem in build["notifications"]),
    ]


def _resumed(resumption: Resumption) -> str:
    by = f" by {resumption['actor']}" if resumption["actor"] else ""
    return f"{moment(resumption['at'])} UTC, from {resumption['stage']}{by}"


def _untold(problem: NotificationProblem) -> str:
    return f"{untold(problem)} ({'given up' if problem['given_up'] else 'it is tried again'})"


def _news(stage: Stage) -> list[str]:
    """Why a stage waits, or did not succeed, and what it warned of."""
    status, name = Status(stage["status"]), clean(stage["name"])
    waits = [f"{name} waits: {clean(stage['waiting_for'])}"] if stage["waiting_for"] and not status.finished else []
    reason = [f"{name} {status}: {clean(stage['reason'])}"] if stage["reason"] else []
    return [*waits, *reason, *(f"{name} warns: {clean(warning)}" for warning in stage["warnings"])]
