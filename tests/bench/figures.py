"""How the benchmarks count and tell."""

import statistics
from datetime import datetime


def spread(values_ms: list[float]) -> str:
    """Median and 95th percentile of milliseconds, in words."""
    ordered = sorted(values_ms)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return f"median {statistics.median(ordered):.0f} ms, p95 {p95:.0f} ms, of {len(ordered)}"


def seconds_between(start: str, end: str) -> float:
    """Seconds from one ISO time to another."""
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
