"""Which namespaces a repository's Jobs may run in, as the operator says. Pure."""

from collections.abc import Mapping
from fnmatch import fnmatchcase

from shared.errors import InputError
from shared.model import Repository

Rules = Mapping[str, tuple[str, ...]] | None
"""Repository pattern → namespaces; None: any namespace is right."""


def check_namespace(repository: Repository, namespace: str, rules: Rules) -> None:
    """Raise InputError where a pipeline names a namespace that its repository may not use."""
    if rules is None:
        return
    allowed = sorted(
        {name for pattern, names in rules.items() if fnmatchcase(str(repository), pattern) for name in names}
    )
    if namespace not in allowed:
        usable = f"it may use {', '.join(allowed)}" if allowed else "it may use none"
        raise InputError(
            f"{repository} may not run in the namespace {namespace!r} (metadata.namespace): {usable}; "
            "the operator allows namespaces with the setting PIPELINE_NAMESPACES"
        )


def all_namespaces(rules: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Every namespace in which any Job may run."""
    return tuple(sorted({name for names in rules.values() for name in names}))


def names_owner(pattern: str) -> bool:
    """Whether a repository pattern fits the repositories of one owner only."""
    parts = pattern.split("/")  # of a pattern with fewer, a wildcard before the owner's name would cover that, too
    return len(parts) == 3 and not set(parts[1]) & set("*?[")
