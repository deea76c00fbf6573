"""What a program may say of its end beyond an exit code: a JSON file whose path is in KONTINUOUS_OUTCOME."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shared.codec import decode
from shared.errors import InfrastructureError, InputError
from shared.json_value import Json
from shared.status import Fault

MAX_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Outcome:
    """All of it may be left out. `reason` and `fault` say why a program failed, `result` what it made."""

    reason: str = ""
    fault: Fault = Fault.USER
    result: Mapping[str, Json] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def read_outcome(file: Path) -> Outcome:
    """What a program has written; raises InfrastructureError where it is something else: the image is wrong then."""
    if not file.exists():
        return Outcome()
    with file.open("rb") as stream:
        data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise InfrastructureError(f"the stage's image wrote an outcome of more than {MAX_BYTES} bytes")
    try:
        return decode(Outcome, data)
    except InputError as error:
        raise InfrastructureError(f"the stage's image wrote an outcome that cannot be read: {error}") from error
