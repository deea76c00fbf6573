"""Secrets in a dictionary, for what is tested without a cluster."""

from collections.abc import Mapping

from coordinator.setup.secret_api import NotPermitted


class FakeSecrets:
    """Keeps what a cluster keeps: a Secret once made never changes. `closed` namespaces let nobody in."""

    def __init__(self, contents: Mapping[tuple[str, str], Mapping[str, str]] | None = None, *closed: str) -> None:
        self.contents = {place: dict(data) for place, data in (contents or {}).items()}
        self._closed = closed

    def get(self, namespace: str, name: str) -> Mapping[str, str] | None:
        self._check(namespace)
        found = self.contents.get((namespace, name))
        return None if found is None else dict(found)

    def create(self, namespace: str, name: str, data: Mapping[str, str]) -> bool:
        self._check(namespace)
        if (namespace, name) in self.contents:
            return False
        self.contents[namespace, name] = dict(data)
        return True

    def _check(self, namespace: str) -> None:
        if namespace in self._closed:
            raise NotPermitted(f"no right to Secrets in {namespace}")
