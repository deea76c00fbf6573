"""How the command line names a build."""

from typing import NamedTuple

from shared.api_records import Build


class BuildName(NamedTuple):
    """Which build: `repository` is `host/owner/name`."""

    repository: str
    number: int

    def __str__(self) -> str:
        return f"{self.repository}/{self.number}"


def name_of(build: Build) -> BuildName:
    """A build's name."""
    return BuildName(build["repository"], build["number"])
