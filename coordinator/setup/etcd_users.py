"""Authentication in a new etcd: three users, of which the stages' may touch nothing but the reports.

Spoken to through etcd's own JSON gateway, which needs no library beyond HTTP.
"""

import base64
from dataclasses import dataclass, field
from typing import Any

from coordinator.settings import Login
from shared.errors import InfrastructureError
from shared.keys import REPORTS

ROOT = "root"
"""The user that etcd insists on before it turns authentication on."""
EVERYTHING = "/kontinuous/"
CALL_S = 5


class PasswordRefused(InfrastructureError):
    """etcd has users already, and not with these passwords."""


@dataclass(frozen=True, slots=True)
class EtcdLogins:
    """Who may use etcd: root, the coordinator and the stages."""

    root_password: str = field(repr=False)
    coordinator: Login
    stage: Login


def trouble_with_users(url: str, logins: EtcdLogins) -> str:
    """Why etcd at `url` does not answer, or "" where it does, with authentication on; a new one gets its users at once.

    Raises PasswordRefused, or InfrastructureError where etcd refuses to make a user.
    """
    from requests import RequestException

    try:
        problem = _authenticate(url, logins.coordinator)
        if "authentication is not enabled" in problem:
            _set_up(url, logins)
            return ""
    except RequestException as error:
        return str(error)
    if "authentication failed" in problem:
        raise PasswordRefused(f"etcd at {url} refuses the password of its user {logins.coordinator.user}")
    return problem


def _authenticate(url: str, login: Login) -> str:
    return _call(url, "authenticate", {"name": login.user, "password": login.password})


def _call(url: str, method: str, body: dict[str, Any]) -> str:
    """Make one call; returns "" or the text of etcd's refusal."""
    import requests

    with requests.Session() as session:
        session.trust_env = False  # a proxy of the environment's is for the way out of the cluster
        answer = session.post(f"{url}/v3/auth/{method}", json=body, timeout=CALL_S)
        return "" if answer.ok else answer.text


def _set_up(url: str, logins: EtcdLogins) -> None:
    """Make the users and turn authentication on; may be repeated after an interruption."""
    _add_user(url, Login(ROOT, logins.root_password))
    _must(url, "user/grant", {"user": ROOT, "role": ROOT})
    _add_limited_user(url, logins.coordinator, EVERYTHING)
    _add_limited_user(url, logins.stage, REPORTS)
    _must(url, "enable", {})


def _add_limited_user(url: str, login: Login, prefix: str) -> None:
    """Add a user with a role of the same name, which may read and write the keys below `prefix`."""
    end = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    permission = {"permType": "READWRITE", "key": _base64(prefix), "range_end": _base64(end)}
    _add_user(url, login)
    _must(url, "role/add", {"name": login.user})
    _must(url, "role/grant", {"name": login.user, "perm": permission})
    _must(url, "user/grant", {"user": login.user, "role": login.user})


def _add_user(url: str, login: Login) -> None:
    """Add a user; one that an interrupted setup has left gets this password."""
    body = {"name": login.user, "password": login.password}
    if "already exists" in _must(url, "user/add", body):
        _must(url, "user/changepw", body)


def _must(url: str, method: str, body: dict[str, Any]) -> str:
    problem = _call(url, method, body)
    if problem and "already exists" not in problem:
        raise InfrastructureError(f"etcd refuses {method}: {problem}")
    return problem


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
