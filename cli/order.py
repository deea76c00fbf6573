"""What a run is asked to do, with everything checked that can be checked before anything is started."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from cli.folder import Checkout, examine
from cli.screen import Screen
from cli.secrets_file import Secret, read_secrets
from shared.errors import InputError
from shared.keys import stage_ids


@dataclass(frozen=True, slots=True)
class Order:
    """A checked folder, which part of it to run (`only` empty: all stages), and the secrets for it."""

    checkout: Checkout
    ref: str | None
    dirty: bool
    only: list[str]
    secrets: tuple[Secret, ...]

    def source_arguments(self) -> list[str]:
        """The arguments that tell `local source` what to hand over."""
        ref = ["--ref", self.ref] if self.ref else []
        return ["source", str(self.checkout.root), *ref, *(["--dirty"] if self.dirty else [])]


def prepare(
    folder: Path,
    screen: Screen,
    *,
    ref: str | None = None,
    dirty: bool = False,
    stages: Sequence[str] = (),
    secrets: Path | None = None,
) -> Order:
    """Check a folder, the stages asked for and the secrets file; warnings go to `screen`. Raises InputError."""
    checkout = examine(folder, ref, dirty=dirty)
    only = stage_names([stage.name for stage in checkout.pipeline.stages], stages)
    order = Order(checkout, ref, dirty, only, read_secrets(secrets) if secrets else ())
    for warning in (*checkout.warnings, *_missing_secrets(order)):
        screen.line(f"warning: {warning}")
    return order


def stage_names(names: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """The wanted stages, given by name or id in any case, as `names` spells them; raises InputError."""
    known = {name.lower(): name for name in names} | dict(zip(stage_ids(names), names, strict=True))
    for word in wanted:
        if word.lower() not in known:
            near = get_close_matches(word.lower(), known, 1)
            hint = f"did you mean {known[near[0]]!r}?" if near else f"there are {', '.join(map(repr, names))}"
            raise InputError(f"there is no stage {word!r}; {hint}")
    return [known[word.lower()] for word in wanted]


def _missing_secrets(order: Order) -> list[str]:
    """A sentence for each secret that a stage wants and the file does not hold; the service may still know it."""
    given = {secret.name for secret in order.secrets}
    return [
        f"stage {stage.name!r} wants the secret {name!r}, which no --secrets file holds"
        for stage in order.checkout.pipeline.stages
        for name in stage.secrets
        if name not in given and (not order.only or stage.name in order.only)
    ]
