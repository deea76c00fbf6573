"""Commit statuses of GitHub: what a build, and each stage of one, says on its commit.

`POST /repos/{owner}/{repo}/statuses/{sha}` of GitHub's REST API: a state, a line of text, a link, and a context that
tells one status from another. The newest status of a context is what GitHub shows.
"""

from enum import StrEnum
from typing import NamedTuple

from shared.status import Fault, Status

API_VERSION = "2022-11-28"
CONTEXT = "kontinuous"
"""The context of a build as a whole; its stages' are below it."""
MAX_DESCRIPTION = 140
"""GitHub refuses longer ones."""
TAKEN = "taken"
"""What a stage's report says in `github` where GitHub took the status."""


class State(StrEnum):
    """GitHub's four states. A failure is the user's to mend, an error is not, or nothing was tried."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILURE = "failure"
    ERROR = "error"


class CommitStatus(NamedTuple):
    """A state and one line that says why."""

    state: State
    description: str

    def body(self, context: str, target_url: str) -> dict[str, str]:
        """The request's body; GitHub takes no empty link."""
        link = {"target_url": target_url} if target_url else {}
        return {"state": self.state.value, "context": context, "description": self.description, **link}


RUNNING = CommitStatus(State.PENDING, "running")


def stage_context(stage_id: str) -> str:
    """The context of one stage."""
    return f"{CONTEXT}/{stage_id}"


def of_status(status: Status, fault: Fault | None, reason: str) -> CommitStatus:
    """What the end of a build or a stage is on GitHub."""
    match status:
        case Status.SUCCESS:
            return CommitStatus(State.SUCCESS, "succeeded")
        case Status.FAIL:
            state = State.ERROR if fault in (None, Fault.INFRASTRUCTURE) else State.FAILURE
            return CommitStatus(state, _one_line(reason or "failed"))
        case Status.CANCELLED:
            return CommitStatus(State.ERROR, _one_line(reason or "cancelled"))
        case Status.SKIPPED:
            return CommitStatus(State.ERROR, _one_line(f"skipped: {reason}"))
        case Status.PENDING | Status.RUNNING:
            return RUNNING
        case _:
            raise ValueError(f"{status} has no state on GitHub")


def of_refusal(reason: str) -> CommitStatus:
    """What it is on GitHub that a commit cannot be built at all."""
    return CommitStatus(State.ERROR, _one_line(reason))


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_DESCRIPTION else line[: MAX_DESCRIPTION - 1] + "…"
