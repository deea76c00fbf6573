"""Results on stdout: as JSON, as YAML, or as a table."""

import json
import sys
from collections.abc import Callable, Sequence


def show(value: object, output: str, lines: Callable[[], Sequence[str]]) -> None:
    """Print a result: `value` whole for json and yaml, else what `lines` makes of it for people."""
    match output:
        case "json":
            text = json.dumps(value, indent=2, ensure_ascii=False)
        case "yaml":
            import yaml

            text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True).rstrip("\n")
        case "table":
            text = "\n".join(lines())
        case _:
            raise ValueError(f"no such output: {output}")
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
