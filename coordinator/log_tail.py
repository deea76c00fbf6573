"""The last lines of a stage's log, as far as it is stored."""

from coordinator.log_reader import LogReader
from shared import keys
from shared.errors import StoreError
from shared.model import Build, Stage
from shared.store_ports import ObjectStore

TAIL_BYTES = 8 * 1024
UNREADABLE = "(its log cannot be read at the moment)"


def last_lines(objects: ObjectStore, logs: LogReader, build: Build, stage: Stage) -> tuple[str, ...]:
    """The last lines of a stage's newest attempt, without empty ones; where the store is away, a line that says so."""
    attempt = stage.current[-1].number if stage.current else 0
    try:
        size = _stored_bytes(objects, keys.log_prefix(build.repository, build.number, stage.id, attempt))
        offset = max(0, size - TAIL_BYTES)
        data = b"".join(logs.read(build.repository, build.number, stage.id, attempt, offset))
    except StoreError:
        return (UNREADABLE,)
    lines = data.decode(errors="replace").split("\n")
    whole = lines[1:] if offset and len(lines) > 1 else lines
    return tuple(line for line in whole if line.strip())


def _stored_bytes(objects: ObjectStore, prefix: str) -> int:
    """How long the log is: the archive, or up to the end of the last chunk."""
    ends = {
        item.key: item.size if item.key == keys.log_archive(prefix) else keys.log_chunk_offset(item.key) + item.size
        for item in objects.list(prefix)
    }
    return ends.get(keys.log_archive(prefix)) or max(ends.values(), default=0)
