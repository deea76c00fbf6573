"""The type of any JSON value."""

from typing import Any

Json = Any
"""None, bool, int, float, str, list or dict of the same."""
