"""The Docker engine's event stream of a build, push or pull, as lines for a person."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Event = Mapping[str, Any]
Write = Callable[[bytes], None]

_LAYER_ENDS = {
    "Pushed": "pushed",
    "Layer already exists": "already there",
    "Pull complete": "pulled",
    "Already exists": "already there",
}
_MOUNTED = "Mounted from"
_PULLING = "Pulling from"


@dataclass(slots=True)
class Outcome:
    """What a stream said at its end: the engine's error, the image's ID, the digest that a registry confirmed.

    `step` is the step of the Dockerfile that came last, such as `Step 2/3 : RUN make`; each is "" where none came.
    """

    error: str = ""
    exit_code: int | None = None
    step: str = ""
    image_id: str = ""
    digest: str = ""


def relay(events: Iterable[Event], write: Write) -> Outcome:
    """Write what the engine says as it comes, its progress bars condensed to one line, and return how it ended."""
    outcome = Outcome()
    layers: Counter[str] = Counter()
    for event in events:
        _take(event, outcome)
        if "id" in event and (words := _layer_end(event)):
            layers[words] += 1
        elif text := _text(event):
            write(_condensed(layers) + text.encode())
    write(_condensed(layers))
    return outcome


def _take(event: Event, outcome: Outcome) -> None:
    stream = event.get("stream", "")
    if stream.startswith("Step "):
        outcome.step = stream.strip()
    aux = event.get("aux") or {}
    outcome.image_id = aux.get("ID", outcome.image_id)
    outcome.digest = aux.get("Digest", outcome.digest)
    if "error" in event or "errorDetail" in event:
        detail = event.get("errorDetail") or {}
        outcome.error = detail.get("message") or event.get("error") or "the engine gives no reason"
        outcome.exit_code = detail.get("code")


def _text(event: Event) -> str:
    """The text to show of one event, or "" for mere progress of a layer."""
    if "stream" in event:
        return str(event["stream"])
    status = event.get("status", "")
    if "id" not in event:
        return f"{status}\n" if status else ""
    return f"{event['id']}: {status}\n" if status.startswith(_PULLING) else ""


def _layer_end(event: Event) -> str:
    status = event.get("status", "")
    return "already there" if status.startswith(_MOUNTED) else _LAYER_ENDS.get(status, "")


def _condensed(layers: Counter[str]) -> bytes:
    """One line for the layers that have ended since the last one; it forgets them."""
    if not layers:
        return b""
    line = f"{layers.total()} layers: " + ", ".join(f"{count} {words}" for words, count in sorted(layers.items()))
    layers.clear()
    return line.encode() + b"\n"
