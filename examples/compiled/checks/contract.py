"""Check that the API's contract, `api.json`, agrees with itself, with the source and with the README.

Works on a clone of the repository, with nothing but Python. Exit code 1 when something does not agree.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}


def value_of(roman: str) -> int:
    """Read Roman numerals: a digit before a greater one is taken away. Raises KeyError for any other letter."""
    values = [VALUES[digit] for digit in roman]
    following = [*values[1:], 0]
    return sum(-value if value < after else value for value, after in zip(values, following, strict=True))


def problems(root: Path) -> Iterator[str]:
    """Yield one sentence for everything that does not agree."""
    contract = json.loads((root / "api.json").read_text())
    source = (root / "src/http.c").read_text()
    readme = (root / "README.md").read_text()
    for path in contract["paths"]:
        if f'"{path}"' not in source:
            yield f"api.json promises {path}, but src/http.c does not answer it"
        if path not in readme:
            yield f"README.md does not mention {path}"
    for number, roman in contract["examples"].items():
        if value_of(roman) != int(number):
            yield f"api.json says that {number} is {roman}, but {roman} is {value_of(roman)}"


def main() -> int:
    """Print every problem; 0 when there is none."""
    found = list(problems(ROOT))
    for problem in found:
        print(f"FAIL  {problem}")
    print(f"{len(found)} problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
