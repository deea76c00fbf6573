"""The last lines of a stage's log, as far as it is stored."""

from coordinator.log_reader import LogReader
from shared.errors import StoreError
from shared.model import Build, Stage

TAIL_BYTES = 8 * 1024
UNREADABLE = "(its log cannot be read at the moment)"


def last_lines(logs: LogReader, build: Build, stage: Stage) -> tuple[str, ...]:
    """The last lines of a stage's newest attempt, without empty ones; where the store is away, a line that says so."""
    log_of = (build.repository, build.number, stage.id, stage.current[-1].number if stage.current else 0)
    try:
        offset = max(0, logs.size(*log_of) - TAIL_BYTES)
        data = b"".join(logs.read(*log_of, offset))
    except StoreError:
        return (UNREADABLE,)
    lines = data.decode(errors="replace").split("\n")
    whole = lines[1:] if offset and len(lines) > 1 else lines
    return tuple(line for line in whole if line.strip())
