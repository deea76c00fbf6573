"""Which namespaces a repository's Jobs may run in."""

import pytest

from coordinator.allowed_namespaces import all_namespaces, check_namespace
from shared.errors import InputError
from shared.model import Repository

RULES = {"github.com/acme/*": ("team-a", "shared"), "*/shop": ("shop",)}
SHOP = Repository("github.com", "acme", "shop")


@pytest.mark.parametrize("namespace", ["team-a", "shared", "shop"])
def test_a_namespace_of_any_pattern_that_fits_is_right(namespace: str) -> None:
    check_namespace(SHOP, namespace, RULES)


def test_another_namespace_is_refused_with_those_that_are_right() -> None:
    with pytest.raises(InputError, match=r"'kube-system'.*may use shared, shop, team-a; .*PIPELINE_NAMESPACES"):
        check_namespace(SHOP, "kube-system", RULES)


def test_a_repository_that_no_pattern_fits_has_none() -> None:
    with pytest.raises(InputError, match="may use none"):
        check_namespace(Repository("github.com", "other", "tool"), "team-a", RULES)
    with pytest.raises(InputError, match="may use none"):
        check_namespace(Repository("github.com", "ACME", "tool"), "team-a", RULES)


def test_without_rules_any_namespace_is_right() -> None:
    check_namespace(SHOP, "anything", None)


def test_all_namespaces_are_those_of_all_patterns() -> None:
    assert all_namespaces(RULES) == ("shared", "shop", "team-a")
