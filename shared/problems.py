"""What is wrong in a file that a user wrote, and where; collected, so that all of it can be shown at once."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn, Protocol

from shared.errors import InputError

PIPELINE_FILE = ".pipeline.yml"
MAX_PROBLEMS = 100
MAX_SHOWN = 60

# Looking for a similar word is the one slow step per finding, so a hostile file gets only so many.
_MAX_SEARCHES = 200
_MAX_SEARCHED_WORD = 60


class Place(Protocol):
    """Anything that stands somewhere in a file; line and column count from 1."""

    @property
    def line(self) -> int: ...

    @property
    def column(self) -> int: ...


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing to mend or, as a warning, to look at. `field` is a path such as `spec.stages[1].params.command`."""

    line: int
    column: int
    field: str
    message: str

    def __str__(self) -> str:
        return self.show(PIPELINE_FILE)

    def show(self, path: str) -> str:
        """One line for people and editors: `path:line:column: field: message`."""
        return f"{path}:{self.line}:{self.column}: {self.field}: {self.message}"


class PipelineFileError(InputError):
    """A pipeline file is wrong. `problems` and `warnings` are sorted by position; there is at least one problem."""

    def __init__(self, problems: Iterable[Problem], warnings: Iterable[Problem] = ()) -> None:
        self.problems = tuple(problems)
        self.warnings = tuple(warnings)
        more = f" (and {len(self.problems) - 1} more)" if len(self.problems) > 1 else ""
        super().__init__(f"{self.problems[0]}{more}")


class Findings:
    """Collects the problems and warnings of one file."""

    def __init__(self) -> None:
        self._problems: list[Problem] = []
        self._warnings: list[Problem] = []
        self._searches_left = _MAX_SEARCHES

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """The warnings so far, sorted by position."""
        return tuple(sorted(self._warnings))

    def error(self, place: Place, field: str, message: str) -> None:
        """Take in a problem; raises PipelineFileError once there are MAX_PROBLEMS of them."""
        self._problems.append(Problem(place.line, place.column, field or "file", message))
        if len(self._problems) >= MAX_PROBLEMS:
            rest = Problem(
                place.line, place.column, "file", f"{MAX_PROBLEMS} problems are enough; no more were looked for"
            )
            raise PipelineFileError([*sorted(self._problems), rest], self.warnings)

    def warn(self, place: Place, field: str, message: str) -> None:
        """Take in a warning; those beyond MAX_PROBLEMS are dropped."""
        if len(self._warnings) < MAX_PROBLEMS:
            self._warnings.append(Problem(place.line, place.column, field or "file", message))

    def fail(self, place: Place, field: str, message: str) -> NoReturn:
        """Take in a problem after which reading on makes no sense; raises PipelineFileError with all there are."""
        self.error(place, field, message)
        raise PipelineFileError(sorted(self._problems), self.warnings)

    def raise_problems(self) -> None:
        """Raise PipelineFileError if there was any problem."""
        if self._problems:
            raise PipelineFileError(sorted(self._problems), self.warnings)

    def nearest(self, word: str, valid: Iterable[str], similarity: float = 0.6) -> str:
        """The word of `valid` that `word` was probably meant to be, or ""; `similarity` goes from 0 to 1."""
        if self._searches_left <= 0 or len(word) > _MAX_SEARCHED_WORD:
            return ""
        self._searches_left -= 1
        from difflib import get_close_matches  # only files with mistakes pay for this import

        return next(iter(get_close_matches(word, valid, 1, similarity)), "")

    def suggest(self, word: str, valid: Iterable[str]) -> str:
        """The end of a message about an unknown word: the nearest valid one, or else all of them."""
        names = tuple(valid)
        nearest = self.nearest(word, names)
        return f"did you mean {nearest}?" if nearest else f"valid are {', '.join(names)}"


def quote(text: str) -> str:
    """A user's text in double quotes, on one line, cut to MAX_SHOWN characters."""
    return f'"{clip(text)}"'


def clip(text: str) -> str:
    """A user's text on one line, cut to MAX_SHOWN characters."""
    cut = text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"
    return cut if cut.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in cut)
