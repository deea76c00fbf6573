"""What a finished build comes to, for people: the table of its stages, what failed, where logs and images are."""

from collections.abc import Callable, Iterable

from cli.records import name_of
from cli.service import Service
from cli.table import moment, seconds, table
from shared.api_records import Build, NotificationProblem, PipelineRecord, PublishedImage, Stage
from shared.errors import EXIT_INTERRUPTED, EXIT_SUCCESS, EXIT_USER
from shared.status import Status
from shared.terminal_text import clean

BUILD_HEADINGS = ("BUILD", "STATUS", "BRANCH", "COMMIT", "CREATED (UTC)", "SECONDS")
HEADINGS = ("STAGE", "STATUS", "SECONDS", "IMAGE")


def exit_code(build: Build) -> int:
    """0 for SUCCESS, 130 for a build that was cancelled (or is about to be), else 1."""
    match Status(build["status"]):
        case Status.SUCCESS:
            return EXIT_SUCCESS
        case Status.FAIL:
            return EXIT_USER
        case _:
            return EXIT_INTERRUPTED


def build_table(builds: Iterable[Build]) -> list[str]:
    """One row for each build."""
    return table(BUILD_HEADINGS, map(_build_row, builds))


def stage_table(build: Build) -> list[str]:
    """One row for each stage, with the digest of the image that it made."""
    return table(HEADINGS, ((s["name"], s["status"], seconds(s["seconds"]), _digest(s)) for s in build["stages"]))


def report(build: Build, service: Service, tail: Callable[[Stage], list[str]]) -> list[str]:
    """The whole end of a run; `tail` gives the last lines of a stage's log."""
    where = [*_images(build, service), *_logs(build, service), *_untold(build)]
    return [*_failures(build, tail), "", *stage_table(build), "", *_verdict(build), *where]


def published_images(build: Build) -> list[PublishedImage]:
    """All images that the build pushed to external registries."""
    return [image for stage in build["stages"] for image in stage["result"].get("images", [])]


def _build_row(build: Build) -> tuple[str, ...]:
    branch, sha = build["commit"]["branch"], build["commit"]["sha"][:10]
    return str(name_of(build)), build["status"], branch, sha, moment(build["created_at"]), seconds(build["seconds"])


def _digest(stage: Stage) -> str:
    images = stage["result"].get("images", [])
    reference = stage["result"].get("image", "") or (images[0]["digest"] if images else "")
    return reference.rpartition("@")[2]


def _failures(build: Build, tail: Callable[[Stage], list[str]]) -> list[str]:
    lines: list[str] = []
    for stage in (s for s in build["stages"] if s["status"] == Status.FAIL):
        lines += ["", f"{clean(stage['name'])} failed: {clean(stage['reason']) or 'no reason is known'}"]
        if last := tail(stage):
            lines += ["The last lines of its log:", *(f"    {line}" for line in last)]
    return lines


def _verdict(build: Build) -> list[str]:
    took = f" in {seconds(build['seconds'])} s" if build["seconds"] is not None else ""
    reason = f": {clean(build['reason'])}" if build["reason"] else ""
    return [f"Build {build['number']} of {build['repository']}: {build['status']}{took}{reason}"]


def _images(build: Build, service: Service) -> list[str]:
    built = [stage["result"]["image"] for stage in build["stages"] if stage["result"].get("image")]
    host = f"{service.registry}/" if service.registry else ""
    lines = [f"Built:     {host}{reference} (internal registry)" for reference in built]
    for image in published_images(build):
        lines += [f"Published: {published(image)}"]
    return lines


def published(image: PublishedImage) -> str:
    """An image that was pushed, by all its names."""
    return f"{image['name']}@{image['digest']}, tags {', '.join(image['tags'])}"


def _untold(build: Build) -> list[str]:
    return [f"Not told:  {untold(each)}" for each in build["notifications"]]


def untold(problem: NotificationProblem) -> str:
    """Who was not told of what, and why."""
    return f"{problem['type']} of its {problem['event']}: {clean(problem['problem'])}"


def _logs(build: Build, service: Service) -> list[str]:
    place = f", kept below {service.objects}" if service.objects else ""
    return [f"Logs:      kontinuous logs {build['repository']}/{build['number']}{place}"]


def no_webhook(record: PipelineRecord) -> str:
    """That pushes start no builds of a pipeline, why, and what to do."""
    return (
        f"pushes start no builds, as the webhook was refused ({clean(record['webhook_problem'])}): have KONTINUOUS_URL "
        f"be an address that GitHub reaches, then `kontinuous create pipeline {record['repository']}` again"
    )
