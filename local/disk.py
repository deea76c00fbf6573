"""The disk of the state folder: noticed when it is full, before the services on it fail one by one, each in its way."""

import shutil
from pathlib import Path

LEAST_FREE_BYTES = 128 * 1024 * 1024
"""etcd lays its log out in pieces of 64 MB, and stops for good when one does not fit."""


def shortage(folder: Path, least_free_bytes: int = LEAST_FREE_BYTES) -> str:
    """What is wrong with the disk that a folder is on, as a sentence for a person; "" where there is room."""
    free = shutil.disk_usage(folder).free
    if free >= least_free_bytes:
        return ""
    return (
        f"the disk of {folder} is full: {free >> 20} MB are left and {least_free_bytes >> 20} MB needed; make room "
        "there, or set KONTINUOUS_HOME to a folder on another disk"
    )
