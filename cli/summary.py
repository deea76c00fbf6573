"""What a finished build comes to, for people: the table of its stages, what failed, where logs and images are."""

from collections.abc import Callable

from cli.service import Service
from cli.table import seconds, table
from shared.api_records import Build, PublishedImage, Stage
from shared.errors import EXIT_INTERRUPTED, EXIT_SUCCESS, EXIT_USER
from shared.status import Status
from shared.terminal_text import clean

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
        lines += [f"Published: {image['name']}@{image['digest']}, tags {', '.join(image['tags'])}"]
    return lines


def _untold(build: Build) -> list[str]:
    return [
        f"Not told:  {each['type']} of its {each['event']}: {clean(each['problem'])}" for each in build["notifications"]
    ]


def _logs(build: Build, service: Service) -> list[str]:
    place = f", kept below {service.objects}" if service.objects else ""
    return [f"Logs:      kontinuous logs {build['repository']}/{build['number']}{place}"]
