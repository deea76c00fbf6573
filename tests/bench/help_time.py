"""How long `kontinuous --help` takes, against a bare Python that does nothing. Goal: at most 150 ms."""

import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
RUNS = 15
GOAL_MS = 150


def main() -> None:
    """Print the medians of both, and their ratio."""
    bare, ours = median_ms("-c", "pass"), median_ms("-m", "cli", "--help")
    print(f"kontinuous --help: {ours:.0f} ms (goal {GOAL_MS} ms), bare python: {bare:.0f} ms, ratio {ours / bare:.1f}")


def median_ms(*arguments: str) -> float:
    """The median of RUNS runs of Python with these arguments, in milliseconds; one run before them warms the caches."""
    times = [_time_ms([sys.executable, *arguments]) for _ in range(RUNS + 1)]
    return statistics.median(times[1:])


def _time_ms(command: list[str]) -> float:
    start = time.monotonic()
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    return (time.monotonic() - start) * 1000


if __name__ == "__main__":
    main()
