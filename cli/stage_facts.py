"""A stage for people: each of its attempts with its end, its reason, what GitHub said, and where its time went."""

from cli.facts import Fact, facts
from cli.records import BuildName
from cli.summary import published
from cli.table import moment, seconds
from shared.api_records import Attempt, Span, StageHistory

BAR_WIDTH = 40


def stage_facts(build: BuildName, stage: StageHistory) -> list[str]:
    """All lines about a stage, the newest attempt first."""
    head = facts([("Stage", f"{stage['name']} ({stage['id']})"), ("Type", stage["type"]), ("Build", str(build))])
    state = facts([("Status", stage["status"]), ("Reason", "" if stage["attempt"] else stage["reason"])])
    attempts = (_attempt(build, stage["id"], attempt) for attempt in reversed(stage["attempts"]))
    return [*head, *state, *(line for lines in attempts for line in ("", *lines))]


def _attempt(build: BuildName, stage: str, attempt: Attempt) -> list[str]:
    took = f" in {seconds(attempt['seconds'])} s" if attempt["seconds"] is not None else ""
    head = f"Attempt {attempt['attempt']}: {attempt['status']}{took}"
    return [head, *facts(_facts(build, stage, attempt), "  "), *_waterfall(attempt["waterfall"])]


def _facts(build: BuildName, stage: str, attempt: Attempt) -> list[Fact]:
    kept = attempt["result"].get("artifacts", [])
    which = f"{build} --stage {stage} --attempt {attempt['attempt']}"
    return [
        ("Begun", f"{moment(attempt['created_at'])} UTC" if attempt["created_at"] else ""),
        ("Reason", attempt["reason"]),
        ("Fault", attempt["fault"]),
        ("Exit code", "" if attempt["exit_code"] is None else str(attempt["exit_code"])),
        ("Waits for", "" if attempt["finished_at"] else attempt["waiting_for"]),
        *(("Warning", warning) for warning in attempt["warnings"]),
        ("GitHub", attempt["github"]),
        ("Image", attempt["result"].get("image", "")),
        *(("Published", published(image)) for image in attempt["result"].get("images", [])),
        ("Log", f"{attempt['log_bytes']} bytes: kontinuous logs {which}" if attempt["log_bytes"] else ""),
        ("Artifacts", f"{len(kept)} files: kontinuous artifacts list {which}" if kept else ""),
    ]


def _waterfall(spans: list[Span]) -> list[str]:
    """One bar a step, from left to right as the time went."""
    whole = max((span["end_s"] for span in spans), default=0.0)
    if not whole:
        return []
    width = max(len(span["name"]) for span in spans)
    return [f"  {span['name']:<{width}}  {span['seconds']:7.2f} s  |{_bar(span, whole)}|" for span in spans]


def _bar(span: Span, whole: float) -> str:
    begin, end = (round(at / whole * BAR_WIDTH) for at in (span["end_s"] - span["seconds"], span["end_s"]))
    begin = max(0, min(begin, BAR_WIDTH - 1))  # a step of no time is still one mark wide
    return f"{' ' * begin}{'=' * max(1, end - begin)}".ljust(BAR_WIDTH)
